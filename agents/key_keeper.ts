import {z} from 'zod'
import {code, plain, timestamp} from '../src/kernel/markdown.ts'
import {parseDuration} from '../src/kernel/time.ts'
import {
  defineAction,
  defineAgent,
  type AccountProof,
  type AccountsPort,
  type ActionContext,
  type Actor,
  type Control,
  type MyAccounts,
  type Reply,
  type TypedCode,
} from '../src/sdk/index.ts'

/** Knows whose account is whose: links what people prove, and opens the way round approvals in an emergency. */
export default defineAgent({
  id: 'key_keeper',
  name: 'Key Keeper',
  description: 'Links accounts that people prove to be theirs, and breaks glass in an emergency',
  command: '/link',
  queue: {concurrency: 5, timeoutMs: 30_000},
  actions: {
    link: defineAction({
      description: 'A person’s accounts: see, prove, remove',
      input: z.object({
        account: z.enum(['github', 'linear', 'mail', 'api']).optional(),
        value: z.string().optional(),
        code: z.string().optional(),
        remove: z.string().optional(),
      }),
      async run({account, value, code: typed, remove}, {actor, services: {accounts}, signal, effect}) {
        const reply =
          remove !== undefined
            ? removed(remove, await accounts.remove(actor, remove))
            : account === 'mail'
              ? await mail(accounts, actor, effect, value, typed)
              : account === 'github' || account === 'linear'
                ? proof(account, await accounts.prove(actor, account, signal))
                : account === 'api'
                  ? token(await accounts.mine(actor))
                  : overview(await accounts.mine(actor))
        return {kind: 'replied', reply}
      },
    }),

    break_glass: defineAction({
      description: 'Let a person’s own deploys through for a while, or end that',
      input: z.object({reason: z.string().optional(), for: z.string().optional(), end: z.boolean()}),
      async run({reason, for: duration, end}, {actor, correlationId, services: {breakGlass}}) {
        if (end) {
          const ended = await breakGlass.end(actor)
          return {
            kind: 'replied',
            reply: ended
              ? {state: 'ok', title: 'the glass is whole again', lines: ['approvals and freezes hold again']}
              : {state: 'other', title: 'nothing to end', lines: ['you have not broken the glass']},
          }
        }
        const forMs = duration === undefined ? undefined : parseDuration(duration)
        const {endsAt} = await breakGlass.begin({correlationId, actor, reason: reason ?? '', forMs})
        return {
          kind: 'replied',
          reply: {
            state: 'partial',
            title: 'glass broken · deploys go through',
            lines: [
              `${plain(actor.name, 60)}: ${plain(reason ?? '', 300)}`,
              `what they ask for until ${timestamp(endsAt, 't')} (${timestamp(endsAt)}) needs no approval and no freeze stops it; each use is kept and told`,
              'everybody who approves was told · `/break-glass end:true` ends it',
            ],
          },
        }
      },
    }),
  },
})

const NAMES = {github: 'GitHub', linear: 'Linear'} as const

function overview({person, roles, accounts, token: made}: MyAccounts): Reply {
  const lines = accounts
    .filter(({name}) => name !== 'api')
    .map(({name, provedAt}) =>
      provedAt === undefined
        ? `${code(name)} · in signalbox.yaml`
        : `${code(name)} · proved ${timestamp(provedAt)} · \`/link remove:\` takes it away`,
    )
  const configuredToken = accounts.some(({name}) => name === 'api')
  return {
    state: 'info',
    title: `you are ${plain(person, 60)}`,
    lines: [
      `roles: ${roles.length === 0 ? 'none' : roles.map(role => code(role)).join(' ')}`,
      ...lines,
      ...(made ? [tokenLine(made)] : []),
      ...(configuredToken ? ['a token of yours is configured'] : []),
      'prove another with `/link account:`',
    ],
  }
}

function tokenLine({createdAt, expiresAt}: NonNullable<MyAccounts['token']>): string {
  return `your token · made ${timestamp(createdAt)} · ends ${timestamp(expiresAt)} · \`/link remove:api\` ends it now`
}

function token({token: made}: MyAccounts): Reply {
  return {
    state: 'info',
    title: 'a token of your own',
    lines: [
      'it speaks for you over HTTP: whoever has it decides as you',
      ...(made ? [tokenLine(made), 'a new one ends it'] : []),
    ],
    controls: [reveal(made ? 'Show a new one' : 'Show it', 'api')],
  }
}

function proof(kind: 'github' | 'linear', how: AccountProof): Reply {
  const name = NAMES[kind]
  if (how.kind !== 'open') {
    const account = `${kind}:${how.account}`
    const reply = how.kind === 'linked' ? linked(account) : taken(account)
    return {...reply, controls: [reveal('Show another code', kind), check(kind)]}
  }
  const where = how.where.map(one => code(one)).join(' or ')
  const place = kind === 'github' ? `on any issue or pull request of ${where}` : `on ${where}`
  return {
    state: 'waiting',
    title: `link ${name} · prove that it is you`,
    lines: [
      `1 · press *Show my code*; only you see it, and it is good for ten minutes`,
      `2 · post it as a comment ${place}, from your account`,
      '3 · press *Check*',
      ...(how.codeUntil === undefined
        ? []
        : [`your last code was not found yet; it is good until ${timestamp(how.codeUntil, 't')}`]),
      ...(how.unread.length === 0
        ? []
        : [`we could not read the comments of ${how.unread.map(one => code(one)).join(', ')} just now`]),
    ],
    controls: [reveal('Show my code', kind), check(kind)],
  }
}

function reveal(label: string, what: string): Control {
  return {kind: 'action', label, action: 'reveal', subject: what, style: 'primary'}
}

function check(kind: 'github' | 'linear'): Control {
  return {kind: 'action', label: 'Check', action: 'check-link', subject: kind, style: 'secondary'}
}

async function mail(
  accounts: AccountsPort,
  actor: Actor,
  effect: ActionContext['effect'],
  address: string | undefined,
  typed: string | undefined,
): Promise<Reply> {
  if (typed !== undefined) return typedCode(await accounts.typeCode(actor, typed))
  const until = await effect('mail a code', {
    run: () => accounts.mailCode(actor, address ?? ''),
    // Whether the last one was sent nobody knows, and a new one takes its place.
    find: async () => undefined,
  })
  return {
    state: 'waiting',
    title: 'a code is on its way',
    lines: [
      `to ${plain(address ?? '', 200)}, good until ${timestamp(until, 't')} (${timestamp(until)})`,
      'type it back: `/link account:mail code:…`',
    ],
  }
}

function typedCode(how: TypedCode): Reply {
  switch (how.kind) {
    case 'linked':
      return linked(`mail:${how.account}`)
    case 'taken':
      return taken(`mail:${how.account}`)
    case 'wrong':
      return {
        state: 'error',
        title: 'that is not the code',
        lines: [
          how.triesLeft > 0
            ? `${how.triesLeft} more ${how.triesLeft === 1 ? 'try' : 'tries'}`
            : 'have a new one mailed with `/link account:mail value:…`',
        ],
      }
    case 'lapsed':
      return {
        state: 'error',
        title: 'there is no code to be typed',
        lines: ['it lapsed or was used · have one mailed with `/link account:mail value:…`'],
      }
  }
}

function linked(name: string): Reply {
  return {
    state: 'ok',
    title: 'linked',
    lines: [`${code(name, 330)} is yours; what it decides counts as you`, '`/link` shows all of yours'],
  }
}

function taken(name: string): Reply {
  return {
    state: 'error',
    title: 'not linked',
    lines: [
      `${code(name, 330)} belongs to somebody else already`,
      'they can remove it with `/link remove:`; an admin can where signalbox.yaml names it',
    ],
  }
}

function removed(name: string, gone: boolean): Reply {
  return gone
    ? {state: 'ok', title: 'removed', lines: [`${code(name, 330)} is not yours any more, from now on`]}
    : {
        state: 'error',
        title: 'nothing removed',
        lines: [
          `${code(name, 330)} is nothing you proved`,
          'what signalbox.yaml names only an operator can take away',
        ],
      }
}
