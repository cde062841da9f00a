/** As long as a condition is waited for: others may use the machine too, and some answers wait for libraries. */
export const PATIENCE_MS = 120_000;
