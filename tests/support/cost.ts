/**
 * Milliseconds of processor time that `work` took, for promises about how much work something is: the clock also counts
 * what a busy machine did in the meantime. Only for work that is over when it returns.
 */
export function cpuMs(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const {user, system} = process.cpuUsage(before)
  return (user + system) / 1000
}
