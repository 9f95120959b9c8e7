/** Does one part of a long benchmark, and says when it is over and how long it took. */
export async function stage<T>(title: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now()
  const result = await work()
  process.stdout.write(
    `  ${title.padEnd(44)}${((performance.now() - began) / 1000).toFixed(1).padStart(7)} s\n`,
  )
  return result
}
