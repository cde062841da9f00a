/** A button that copies a text and says so for a moment. */
import { useEffect, useState } from 'react';
import { useStrings } from '~/shared/i18n/i18n';
import { Button } from './Button';
import { words } from './strings';

/** Put a text on the clipboard, also where the page is served without TLS and the new interface is missing. */
export async function copy(text: string): Promise<void> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

/** `label` stands beside the icon; without one the icon stands alone. */
export function CopyButton({ text, label }: { text: string; label?: string }) {
  const said = useStrings(words);
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  const name = done ? said.copied : (label ?? said.copy);
  return (
    <Button
      kind={label ? 'plain' : 'bare'}
      icon={done ? 'check' : 'copy'}
      aria-label={name}
      title={name}
      onClick={() => void copy(text).then(() => setDone(true))}
    >
      {label && name}
    </Button>
  );
}
