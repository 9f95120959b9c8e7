import type {FastifyInstance} from 'fastify'
import {iso, type Shapes} from './shapes.ts'
import {statusOf, type CommentState, type IssueState, type World} from './world.ts'

/** What a person sees at an issue's address: its text, its threads, its sessions. Read only. */
export function addPages(
  server: FastifyInstance,
  {world, shapes, now}: {readonly world: World; readonly shapes: Shapes; readonly now: () => number},
): void {
  server.get<{Params: {identifier: string}}>('/:workspace/issue/:identifier/:slug?', ({params}, reply) => {
    const issue = world.issue(params.identifier)
    const html = reply.type('text/html; charset=utf-8')
    return issue ? html.send(issuePage(issue)) : html.code(404).send(document('Not found', ''))
  })
  server.get('/', (_request, reply) => {
    const items = [...world.issues.values()].map(
      issue =>
        `<li><a href="${escape(shapes.issueUrl(issue))}">${escape(`${issue.identifier} ${issue.title}`)}</a> ${stateOf(issue)}</li>`,
    )
    return reply.type('text/html; charset=utf-8').send(document('Issues', `<ul>${items.join('')}</ul>`))
  })

  function issuePage(issue: IssueState): string {
    const roots = [...world.comments.values()].filter(each => each.issue === issue && !each.parent)
    const children = [...world.issues.values()].filter(each => each.parent === issue)
    const sessions = [...world.sessions.values()].filter(each => each.issue === issue)
    return document(
      `${issue.identifier} ${issue.title}`,
      [
        `<p><strong>${stateOf(issue)}</strong></p><pre>${escape(issue.description)}</pre>`,
        ...children.map(
          child =>
            `<p>sub-issue <a href="${escape(shapes.issueUrl(child))}">${escape(`${child.identifier} ${child.title}`)}</a> ${stateOf(child)}</p>`,
        ),
        ...roots.map(
          root =>
            `<section>${commentBlock(root)}${[...world.comments.values()]
              .filter(each => each.parent === root)
              .map(reply => `<blockquote>${commentBlock(reply)}</blockquote>`)
              .join('')}</section><hr>`,
        ),
        ...sessions.map(
          session => `<p>agent session of ${escape(session.appUser.name)}: ${statusOf(session, now())}</p>`,
        ),
      ].join(''),
    )
  }
}

function commentBlock({user, body, createdAt, editedAt, reactions}: CommentState): string {
  const marks = reactions.map(({emoji, user: by}) => `${emoji} ${by.name}`).join(', ')
  return `<p><strong>${escape(user.name)}</strong> ${iso(createdAt)}${editedAt === undefined ? '' : ' (edited)'} ${escape(marks)}</p><pre style="white-space:pre-wrap">${escape(body)}</pre>`
}

function stateOf(issue: IssueState): string {
  return escape(issue.team.states.find(({id}) => id === issue.stateId)?.name ?? '')
}

function document(title: string, body: string): string {
  return `<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title><body style="font-family:sans-serif;max-width:50rem;margin:1rem auto"><h1>${escape(title)}</h1>${body}`
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, mark => `&#${mark.charCodeAt(0)};`)
}
