/** How risky something is, and how much a notice of it matters; from the least. */
export const RISK_LEVELS = ['low', 'medium', 'high', 'critical'] as const

/** One of `RISK_LEVELS`. */
export type RiskLevel = (typeof RISK_LEVELS)[number]

/** Whether the one is as high as the other, or higher. */
export function atLeast(level: RiskLevel, other: RiskLevel): boolean {
  return RISK_LEVELS.indexOf(level) >= RISK_LEVELS.indexOf(other)
}
