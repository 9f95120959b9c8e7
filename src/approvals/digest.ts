import {createHash} from 'node:crypto'
import {canonicalJson} from '../kernel/json.ts'
import type {Bound} from './request.ts'

/** The same for the same things bound, whatever their order. Hex. */
export function digestOf(bound: Bound): string {
  return createHash('sha256').update(canonicalJson(bound)).digest('hex')
}
