/** A change of the registry in words; one that is not known stays in the server's. */
import type { RegistryChange } from '~/shared/api/registry';
import type { useStrings } from '~/shared/i18n/i18n';
import type { changes } from './strings';

type Gate = { require?: string; policy?: string; past_policy?: string };
type Said = ReturnType<typeof useStrings<typeof changes>>;

export function told(change: RegistryChange, said: Said): string {
  const { version, details } = change;
  const text = (name: string) => (typeof details[name] === 'string' ? details[name] : '');
  const before = typeof details.before === 'number' ? details.before : undefined;
  const what = version === null ? said.ofModel : said.ofVersion(version);
  switch (change.op) {
    case 'model':
      return said.model;
    case 'version':
      return said.version(version ?? 0);
    case 'remove':
      return said.remove(version ?? 0);
    case 'alias': {
      if (version === null) return said.aliasGone(text('alias'), before ?? 0);
      const { require, policy, past_policy: past } = (details.gate ?? {}) as Gate;
      const asked = [policy, require].filter(Boolean).join(' and ');
      const moved = said.alias(text('alias'), version, before);
      return [moved, asked && said.required(asked), past && said.pastPolicy(past)]
        .filter(Boolean)
        .join(' · ');
    }
    case 'policy':
      return text('require') ? said.policy(text('alias'), text('require')) : said.policyGone(text('alias'));
    case 'tag':
      return details.value === null || details.value === undefined
        ? said.tagGone(text('key'), what)
        : said.tag(text('key'), what, text('value'));
    case 'describe':
      return said.describe(what);
    case 'stage':
      return said.stage(what, text('stage'));
    case 'evaluated':
      return said.evaluated(what, (details.result as { task?: string } | undefined)?.task ?? '');
    default:
      return change.text;
  }
}
