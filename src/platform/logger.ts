import {pino, destination as pinoDestination, stdTimeFunctions, type DestinationStream} from 'pino'
import {correlation} from '../kernel/correlation.ts'
import type {Redactor} from './redact.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, unknown>>

/** Fields first, then a short lower-case sentence: `log.info({runId}, 'step finished')`. An Error goes under `err`. */
export interface Logger {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  /** A logger whose every line carries these fields too; a line's own fields win. */
  child(fields: LogFields): Logger
}

export interface LoggerOptions {
  readonly level: LogLevel
  readonly redactor: Redactor
  /** Where each line goes, newline included. Standard output when not given. */
  readonly destination?: DestinationStream
}

/**
 * One JSON object per line: `time` (ISO, UTC), `level`, `msg`, `correlation_id` wherever one is known, and the fields.
 * Every field and every message passes the redactor. Lines are written before the call returns, so that what a
 * dying process said is not lost.
 */
export function createLogger({level, redactor, destination}: LoggerOptions): Logger {
  const out = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: {level: label => ({level: label})},
      // Errors arrive as plain objects already; pino's own serializer would look for what we took away.
      serializers: {},
    },
    destination ?? pinoDestination({dest: 1, sync: true}),
  )

  function write(at: LogLevel, bound: LogFields, fields: LogFields, message: string): void {
    if (!out.isLevelEnabled(at)) return
    out[at](
      named({...clean({correlationId: correlation.id()}), ...bound, ...clean(fields)}),
      redactor.text(message),
    )
  }

  function clean(fields: LogFields): LogFields {
    const safe = redactor.value(fields)
    return typeof safe === 'object' ? (safe as LogFields) : {fields: safe}
  }

  function bind(bound: LogFields): Logger {
    return {
      debug: (fields, message) => write('debug', bound, fields, message),
      info: (fields, message) => write('info', bound, fields, message),
      warn: (fields, message) => write('warn', bound, fields, message),
      error: (fields, message) => write('error', bound, fields, message),
      child: fields => bind({...bound, ...clean(fields)}),
    }
  }

  return bind({})
}

/** Says nothing. For tests and for tools whose terminal belongs to people. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
}

const OURS: Readonly<Record<string, string>> = {
  correlationId: 'correlation_id',
  // A field of these names would stand in the line twice, and readers disagree about which one counts.
  time: 'field_time',
  level: 'field_level',
  msg: 'field_msg',
}

function named(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [OURS[key] ?? key, value]),
  )
}
