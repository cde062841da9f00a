/** What of the playground is in its address: models, whether they are hidden, and the settings. */
import { useAddress } from '~/shared/url/search';
import type { Values } from './conversation';

export interface View {
  models: readonly string[];
  isBlind: boolean;
  hasChances: boolean;
  settings: Values;
}

/** Settings as the address has them; of what is none nothing. */
export function settingsOf(text: string | undefined): Values {
  try {
    const found: unknown = JSON.parse(text ?? '{}');
    return typeof found === 'object' && found !== null && !Array.isArray(found) ? (found as Values) : {};
  } catch {
    return {};
  }
}

export function useView() {
  const [address, change] = useAddress();
  const view: View = {
    models: [address.model ?? '', ...(address.pair === 'yes' ? [address.second ?? ''] : [])],
    isBlind: address.blind === 'yes',
    hasChances: address.chances === 'yes',
    settings: settingsOf(address.settings),
  };
  return [view, change] as const;
}
