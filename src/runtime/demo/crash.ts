import type {Pace} from './pace.ts'
import type {ProcessName, Product} from './product.ts'
import type {View} from './view/view.ts'

/** What a power cut and a supervisor do to a process: gone in the middle of a sentence, then started anew. */
export async function crash(
  name: ProcessName,
  {product, tell, pace}: {readonly product: Product; readonly tell: View['tell']; readonly pace: Pace},
): Promise<void> {
  const pid = await product.kill(name)
  if (pid === undefined) tell(`there was no ${name} left to kill`)
  else tell(`kill -9 ${pid}: the ${name} is gone, GitHub goes on all the same`, 'bad')
  await pace.pause(2500)
  await product.start(name)
  tell(`a new ${name} has started and reads in Postgres how far things were`, 'good')
}
