/** What finished runs of this machine have measured (`whet.plan.calibration`), put in the place of what is assumed. */

export interface Usual {
  value: number;
  runs: number;
  low: number;
  high: number;
  left_out: number;
}

export interface Calibration {
  process: Usual | null;
  steps: Usual | null;
  about_bytes: number;
  /** By how numbers are kept, and by mesh. */
  rates: readonly { numbers: string; mesh: string; flops_per_s: Usual }[];
  /** By what updates which weights, and by mesh. */
  updates: readonly { update: string; mesh: string; bytes_per_s: Usual }[];
  /** In a line each, as the terminal has them. */
  words: readonly string[];
}

// Steps that are so many times smaller or larger say nothing.
const LIKE = 8;

/** Bytes beyond those that are planned of a step; null where no steps of a like size were measured. */
export function beyond(told: Calibration | null, stepBytes: number): number | null {
  const about = told?.about_bytes ?? 0;
  if (!told?.steps || stepBytes <= 0 || about <= 0) return null;
  if (Math.max(stepBytes, about) > LIKE * Math.min(stepBytes, about)) return null;
  return (told.steps.value - 1) * stepBytes;
}
