import {z} from 'zod'
import {code, link, timestamp} from '../src/kernel/markdown.ts'
import {
  confirmButton,
  defineAction,
  defineAgent,
  type ActionContext,
  type ActionResult,
  type Reply,
  type SettingId,
  type SettingUndone,
  type SettingView,
  type SettingWritten,
} from '../src/sdk/index.ts'

const request = z.object({url: z.string(), confirm: z.boolean(), target: z.string().optional()})

/** Writes settings of repositories for admins: shows first what would change, then changes it once. */
export default defineAgent({
  id: 'settings_keeper',
  name: 'Settings Keeper',
  description: 'Writes the addresses that builds are made with, and puts them back',
  command: '/set-frontend',
  queue: {concurrency: 2, timeoutMs: 60_000},
  actions: {
    set_frontend: defineAction({
      description: 'Set the variable FRONTEND_BASE_URL',
      input: request,
      run: (given, context) => change('frontend', given, context),
    }),

    set_api_base: defineAction({
      description: 'Set the secret VITE_API_BASE',
      input: request,
      run: (given, context) => change('api-base', given, context),
    }),

    undo: defineAction({
      description: 'Put back what a variable held before',
      input: z.object({id: z.uuid()}),
      async run({id}, {actor, correlationId, signal, services, effect}) {
        const undo = () => services.settings.undo({id, actor, correlationId, signal})
        return {kind: 'replied', reply: undone(await effect('undo', {run: undo, find: undo}))}
      },
    }),
  },
})

async function change(
  setting: SettingId,
  {url, confirm, target}: z.output<typeof request>,
  {actor, correlationId, signal, services: {settings, offers}, effect}: ActionContext,
): Promise<ActionResult> {
  const wish = {actor, setting, url, target, signal}
  if (!confirm) {
    const view = await settings.preview(wish)
    const until = await offers.make({
      id: correlationId,
      lapsed: {state: 'other', title: `${view.name} · not confirmed in time, nothing was changed`},
      taken: {state: 'ok', title: `${view.name} · confirmed, see below`},
    })
    return {kind: 'replied', reply: preview(view, correlationId, until)}
  }
  // The same write again goes on with the one that an earlier try began.
  const write = () => settings.write({...wish, correlationId})
  const done = await effect('write', {run: write, find: write})
  if (done.undoable)
    await offers.make({
      id: correlationId,
      lapsed: {state: 'ok', title: titleOf(done)},
      taken: {state: 'ok', title: `${done.name} · to be undone, see below`},
    })
  return {kind: 'replied', reply: written(done, correlationId)}
}

function preview(view: SettingView, id: string, until: number): Reply {
  return {
    state: 'waiting',
    title: `${view.name} · confirm to set it`,
    lines: [...facts(view), `nothing is changed yet · holds until ${timestamp(until, 't')}`],
    controls: [confirmButton(id, `Set ${view.name}`)],
  }
}

function written(done: SettingWritten, id: string): Reply {
  if (done.outcome === 'unknown')
    return {
      state: 'partial',
      title: `${done.name} · nobody knows whether it was set`,
      lines: [...facts(done), `GitHub’s answer was lost, and it can’t be asked: ${link('look', done.page)}`],
    }
  const advice = done.kind === 'secret' ? ['a secret can’t be undone: set it again'] : []
  return {
    state: 'ok',
    title: titleOf(done),
    lines: [
      ...facts(done),
      ...(done.outcome === 'set' ? ['builds take it from their next run on'] : []),
      ...advice,
    ],
    controls: done.undoable
      ? [{kind: 'action', label: 'Undo', action: 'undo', subject: id, style: 'secondary'}]
      : [],
  }
}

function titleOf({name, outcome}: SettingWritten): string {
  return outcome === 'unchanged' ? `${name} · has this value already` : `${name} · set`
}

function undone({name, repository, page, fingerprint, outcome}: SettingUndone): Reply {
  const now =
    fingerprint === null ? 'there is no such variable, as before' : `holds ${code(fingerprint)} again`
  return outcome === 'undone'
    ? {state: 'ok', title: `${name} · undone`, lines: [`${link(repository, page)} · ${now}`]}
    : {
        state: 'partial',
        title: `${name} · nobody knows whether it was undone`,
        lines: [`GitHub’s answer was lost, and it can’t be asked: ${link('look', page)}`],
      }
}

/** Never a value. */
function facts({kind, repository, page, fingerprint, before, exists}: SettingView): readonly string[] {
  const was =
    before === null
      ? exists
        ? 'replaces one that nobody can read'
        : 'there is none yet'
      : `was ${code(before)}`
  return [`${kind} of ${link(repository, page)}`, `value ${code(fingerprint)} · ${was}`]
}
