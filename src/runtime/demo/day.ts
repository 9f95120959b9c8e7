import {CHANNEL} from './cast.ts'
import {answer, DEPLOY_MS, textOf, type Scene} from './scene.ts'

/** What a team asks between two deploys. */
export const dayScenes: readonly Scene[] = [
  {
    title: 'Why is it not well',
    notice: 'A workflow looks from where deploys run; its report is read, not guessed.',
    async play(act) {
      const {stage} = act
      const talk = await act.gives(stage.cast.grace, '/diagnose api_base:https://api.example.com')
      const message = await stage.discord.eventually(
        () => {
          const reply = talk.reply()
          return reply && /^(🟢|🔴|⚠️|❌)/u.test(reply.content) && reply
        },
        {timeoutMs: DEPLOY_MS, what: 'the diagnosis'},
      )
      const text = textOf(message)
      const run = stage.cast.repository.runs.find(({workflow}) => workflow === 'diagnose-dispatch.yml')
      const closing = await stage.discord.eventually(
        () =>
          stage.discord
            .channel(CHANNEL)
            .messages()
            .find(({replyTo}) => replyTo === message.id),
        {timeoutMs: DEPLOY_MS, what: 'the closing message'},
      )
      return [
        {text: 'the workflow ran once and succeeded', kept: run?.conclusion === 'success'},
        {
          text: 'which is no success: its report says that one endpoint answers 503',
          kept: message.content.startsWith('⚠️') && text.includes('503'),
        },
        {text: 'a closing message', kept: closing.content.startsWith('⚠️')},
      ]
    },
  },
  {
    title: 'Who did that',
    notice: 'Refusals and effects, written down before they were shown, each chained to the one before.',
    async play(act) {
      const {stage} = act
      const {ada, ben} = stage.cast
      const refused = textOf(await answer(act, await act.gives(ben, '/audit action:search')))
      const found = textOf(
        await answer(act, await act.gives(ada, '/audit action:search what:github.dispatch')),
      )
      const whole = textOf(await answer(act, await act.gives(ada, '/audit action:verify')))
      return [
        {text: 'not for everybody', kept: refused.startsWith('⛔')},
        {
          text: 'each dispatch, with who wanted it',
          kept: /github\.dispatch/.test(found) && found.includes('grace'),
        },
        {text: 'nothing was changed since', kept: whole.startsWith('✅ audit · whole')},
      ]
    },
  },
]
