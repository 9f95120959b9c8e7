import {toError} from '../../kernel/errors.ts'
import {ADA_MAIL, CHANNEL, STAGING_FAULT, weekOf} from './cast.ts'
import {crash} from './crash.ts'
import {dayScenes} from './day.ts'
import type {Pace} from './pace.ts'
import {
  ANSWER_MS,
  DEPLOY_MS,
  answer,
  asked,
  shown,
  inLinear,
  press,
  codeFrom,
  deployed,
  seenBy,
  countDispatches,
  textOf,
  type Act,
  type Scene,
} from './scene.ts'
import type {Stage} from './stage.ts'
import type {Claim, View} from './view/view.ts'
import {visit} from './visit.ts'

export interface TourResult {
  readonly played: number
  /** Scenes of which every claim came true. */
  readonly kept: number
  readonly of: number
}

const READING_MS = 9_000

/** Plays the scenes one after the other, until the person has seen enough. A scene that throws has broken its promise. */
export async function playTour({
  stage,
  view,
  pace,
}: {
  readonly stage: Stage
  readonly view: View
  readonly pace: Pace
}): Promise<TourResult> {
  const skipping = new Promise<'skipped'>(resolve =>
    pace.skipped.addEventListener('abort', () => resolve('skipped')),
  )
  const act: Act = {
    stage,
    pace,
    tell: (text, tone) => view.tell(text, tone),
    async gives(person, line) {
      // A scene that was skipped in the middle says no more.
      pace.skipped.throwIfAborted()
      await view.types(person, line)
      return person.runs(line, {channel: stage.discord.channel(CHANNEL)})
    },
  }
  const result = {played: 0, kept: 0, of: scenes.length}
  for (const [index, scene] of scenes.entries()) {
    view.scene({number: index + 1, of: scenes.length, title: scene.title, notice: scene.notice})
    if (index > 0) await pace.pause(1500)
    const playing = scene
      .play(act)
      .catch((error: unknown): readonly Claim[] => [{text: toError(error).message, kept: false}])
    const claims = await Promise.race([playing, skipping])
    if (claims === 'skipped') return result
    view.outcome(claims)
    result.played++
    if (claims.every(claim => claim.kept)) result.kept++
    if ((await Promise.race([pace.pause(READING_MS), skipping])) === 'skipped') return result
  }
  return result
}

const scenes: readonly Scene[] = [
  {
    title: 'Who is there',
    notice: 'Heard within a blink, answered by a worker: the way of every command.',
    async play(act) {
      const asked = Date.now()
      const talk = await act.gives(act.stage.cast.grace, '/agents')
      const text = textOf(await answer(act, talk))
      const start = (Date.now() - performance.timeOrigin) / 1000
      act.tell(`first answer ${start.toFixed(1)} s after the start of the demo`)
      return [
        {
          text: `acknowledged in ${Math.ceil(talk.ackMs ?? Infinity)} ms`,
          kept: (talk.ackMs ?? Infinity) < 3000,
        },
        {
          text: 'the agents listed',
          kept:
            text.includes('deploy_client') &&
            text.includes('status_reporter') &&
            Date.now() - asked < ANSWER_MS,
        },
      ]
    },
  },
  {
    title: 'The week at a glance',
    notice: 'Counted from GitHub’s own runs; times read in each person’s own zone.',
    async play(act) {
      const talk = await act.gives(act.stage.cast.ada, '/status-digest period:weekly')
      const text = textOf(await answer(act, talk))
      return (['client', 'staging', 'production'] as const).map(name => {
        const {total, success, failure} = weekOf(name)
        const line = text.split('\n').find(each => each.toLowerCase().includes(name)) ?? ''
        return {
          text: `${name}: ${total} runs, ${success} well, ${failure} failed`,
          kept: line.includes(`${total} run`) && line.includes(`${success} ✅ / ${failure} ❌`),
        }
      })
    },
  },
  {
    title: 'A deploy that succeeds',
    notice: 'One message, edited in place; a new one at the end, as edits notify nobody.',
    async play(act) {
      const dispatches = countDispatches(act.stage)
      const talk = await act.gives(
        act.stage.cast.grace,
        '/deploy-client wait:true api_base:https://api.example.com',
      )
      const {message, closing, run} = await deployed(act, talk)
      return [
        {text: 'one dispatch', kept: dispatches() === 1},
        {
          text: 'the run at GitHub succeeded',
          kept: run?.conclusion === 'success' && run.inputs['VITE_API_BASE'] === 'https://api.example.com',
        },
        {
          text: `message edited ${message.versions.length - 1} times, verdict 🟢`,
          kept: message.content.startsWith('🟢') && message.versions.length > 2,
        },
        {
          text: 'one closing message',
          kept: closing.length === 1 && closing[0]?.content.startsWith('🟢') === true,
        },
      ]
    },
  },
  {
    title: 'A deploy that fails',
    notice: 'The message shows the failing step and the end of its log: no need to look.',
    async play(act) {
      const dispatches = countDispatches(act.stage)
      const talk = await act.gives(act.stage.cast.grace, '/deploy-client wait:true target:staging')
      const {message, closing, run} = await deployed(act, talk)
      const text = textOf(message)
      return [
        {text: 'one dispatch, failed at GitHub', kept: dispatches() === 1 && run?.conclusion === 'failure'},
        {
          text: 'the failing step is named',
          kept:
            message.content.startsWith('🔴') && text.includes(STAGING_FAULT.step) && text.includes('exit 1'),
        },
        {text: 'the log line is quoted', kept: text.includes(STAGING_FAULT.line)},
        {text: 'one closing message', kept: closing.length === 1},
      ]
    },
  },
  {
    title: 'An address that is refused',
    notice: 'A cloud’s metadata address gives out credentials: refused in any spelling.',
    async play(act) {
      const dispatches = countDispatches(act.stage)
      const claims: Claim[] = []
      let forHerAlone = true
      for (const address of [
        'http://169.254.169.254',
        'https://169.254.169.254/latest',
        'https://0xA9FEA9FE',
      ]) {
        const talk = await act.gives(act.stage.cast.grace, `/deploy-client wait:true api_base:${address}`)
        const refused = textOf(await answer(act, talk)).includes('api_base: ')
        claims.push({text: `${address} refused`, kept: refused})
        forHerAlone &&= seenBy(act.stage, talk, 'grace') && !seenBy(act.stage, talk, 'ada')
        await act.pace.pause(1500)
      }
      return [
        ...claims,
        {text: 'only grace saw it', kept: forHerAlone},
        {text: 'nothing dispatched', kept: dispatches() === 0},
      ]
    },
  },
  {
    title: 'A person who may not',
    notice: 'Ben is a designer. He alone reads what is missing and whom to ask.',
    async play(act) {
      const dispatches = countDispatches(act.stage)
      const talk = await act.gives(act.stage.cast.ben, '/deploy-client wait:true')
      const message = await answer(act, talk)
      const text = textOf(message)
      return [
        {text: 'refused', kept: message.content.startsWith('⛔')},
        {
          text: 'says which role is missing and whom to ask',
          kept:
            text.includes('needs role developer or tech_lead, you have: designer') && text.includes('ask'),
        },
        {
          text: 'seen by ben only, nothing dispatched',
          kept: !seenBy(act.stage, talk, 'grace') && dispatches() === 0,
        },
      ]
    },
  },
  {
    title: 'Production waits for two people',
    notice: 'Nothing has begun at GitHub yet. Ada decides in Linear, Hugo with a button.',
    async play(act) {
      const {cast, linear} = act.stage
      const dispatches = countDispatches(act.stage)
      const talk = await act.gives(cast.grace, '/deploy-client wait:true target:production')
      const {message, id} = await asked(act)
      const thread = await inLinear(act, id)
      const early = dispatches()
      await act.pace.pause(3000)
      act.tell(`ada replies in Linear, ${thread.issue.identifier}: /approve`)
      cast.adaInLinear.comments(thread.issue.id, {replyTo: thread.id, body: '/approve'})
      await act.stage.discord.eventually(() => shown(act, message)?.content.includes('(1 of 2)'), {
        timeoutMs: ANSWER_MS,
        what: 'the first approval',
      })
      await press(act, cast.hugo, message, 'Approve')
      const {message: end, run} = await deployed(act, talk)
      const text = textOf(shown(act, message) ?? message)
      return [
        {text: 'nothing dispatched while it waited', kept: early === 0},
        {
          text: 'two decided, in two places, and all of them say so',
          kept:
            /ada.* via Linear/.test(text) &&
            /hugo.* via Discord/.test(text) &&
            (linear
              .comments()
              .find(({id: each}) => each === thread.id)
              ?.body.includes('hugo') ??
              false),
        },
        {
          text: 'one dispatch, verdict 🟢',
          kept: dispatches() === 1 && run?.conclusion === 'success' && end.content.startsWith('🟢'),
        },
      ]
    },
  },
  {
    title: 'Nobody approves their own',
    notice: 'Ada asks, and is refused when she presses Approve. Hugo and Cleo may.',
    async play(act) {
      const {cast} = act.stage
      const dispatches = countDispatches(act.stage)
      const talk = await act.gives(cast.ada, '/deploy-client wait:true target:production ref:v1.4.0')
      const {message} = await asked(act)
      const own = await press(act, cast.ada, message, 'Approve')
      const refusal = textOf(await answer(act, own))
      const early = dispatches()
      await act.pace.pause(3000)
      await press(act, cast.hugo, message, 'Approve')
      await press(act, cast.cleo, message, 'Approve')
      const {message: end} = await deployed(act, talk)
      return [
        {
          text: 'her own approval was refused, to her alone',
          kept: refusal.includes('somebody else has to decide') && !seenBy(act.stage, own, 'hugo'),
        },
        {
          text: 'one dispatch, once two others had approved',
          kept: early === 0 && dispatches() === 1 && end.content.startsWith('🟢'),
        },
      ]
    },
  },
  {
    title: 'Linear is down, and the mail arrives',
    notice: 'A link shows; a button on its page decides, with a code sent to her Discord.',
    async play(act) {
      const {cast, linear, mailbox} = act.stage
      const dispatches = countDispatches(act.stage)
      const isBack = linear.misbehave({operation: '*', kind: 'reset', times: 1000})
      try {
        const talk = await act.gives(cast.grace, '/deploy-client wait:true target:production')
        const {message, id} = await asked(act)
        const mail = await mailbox.eventually(
          () => mailbox.inbox(ADA_MAIL).find(({links}) => links.some(({url}) => url.includes(id))),
          {timeoutMs: ANSWER_MS, what: 'the mail to ada'},
        )
        act.tell(`mail to ada: ${mail.subject}`)
        const nothing = linear.comments().every(({body}) => !body.includes(id))
        const url = mail.links.find(each => each.url.includes('/decide/approve/'))?.url ?? ''
        const page = await visit(url)
        const looked = shown(act, message)?.content.includes('(0 of 2)') === true
        act.tell('ada opens the link, asks for the code, and approves')
        const decided = await page.approve(() => codeFrom(cast.ada))
        await press(act, cast.hugo, message, 'Approve')
        const {message: end} = await deployed(act, talk)
        return [
          {text: 'the mail was there, and Linear knew nothing', kept: nothing},
          {text: 'looking at the page decided nothing', kept: looked},
          {text: 'the form with the code did', kept: decided},
          {text: 'one dispatch, verdict 🟢', kept: dispatches() === 1 && end.content.startsWith('🟢')},
        ]
      } finally {
        isBack()
      }
    },
  },
  {
    title: 'The worker dies in the middle of it',
    notice: 'kill -9. A new worker carries on: same message, one dispatch, one verdict.',
    async play(act) {
      const {stage} = act
      const dispatches = countDispatches(stage)
      const talk = await act.gives(stage.cast.ada, '/deploy-client wait:true ref:feature/checkout')
      await stage.discord.eventually(() => talk.reply()?.content.includes('deploying'), {
        timeoutMs: DEPLOY_MS,
        what: 'the deploy to be under way',
      })
      const first = talk.reply()?.id
      await act.pace.pause(1500)
      await crash('worker', {product: stage.product, tell: act.tell, pace: act.pace})
      const {message, closing, run} = await deployed(act, talk)
      return [
        {text: 'one dispatch', kept: dispatches() === 1 && run?.conclusion === 'success'},
        {
          text: 'the same message, carried on to its end',
          kept: message.id === first && message.content.startsWith('🟢'),
        },
        {text: 'one closing message', kept: closing.length === 1},
      ]
    },
  },
  ...dayScenes,
]
