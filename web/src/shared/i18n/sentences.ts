/** Sentences that the library says, in the reader's language: they are known by their form, and what is not stays. */
import { type Language } from './i18n';

/** What a sentence looks like, and what it is in Chinese; `$1` is what stands in the first group. */
export type Form = readonly [RegExp, string];

/** A sentence in a language, by the first form that it has. */
export function translated(forms: readonly Form[], language: Language, sentence: string): string {
  if (language === 'en') return sentence;
  const found = forms.find(([form]) => form.test(sentence));
  return found ? sentence.replace(...found) : sentence;
}
