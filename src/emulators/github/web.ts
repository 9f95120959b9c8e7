import fastify, {type FastifyInstance} from 'fastify'
import {renderLog, type SignedUrls} from './logs.ts'
import {latest} from './attempt.ts'
import type {Repositories, RepositoryState} from './repositories.ts'
import type {RunState, Runs} from './runs.ts'
import {iso} from './shapes.ts'

/**
 * What is not the API: the pages behind `html_url`, and the storage host behind the signed addresses of
 * logs and artifacts. It listens on an origin of its own, as on GitHub, so a client that follows the redirect drops its credentials.
 */
export function createWeb({
  repositories,
  runs,
  signedUrls,
}: {
  readonly repositories: Repositories
  readonly runs: Runs
  readonly signedUrls: SignedUrls
}): FastifyInstance {
  const server = fastify({forceCloseConnections: true})

  server.get<{Params: {file: string}; Querystring: Record<string, string>}>(
    '/job-logs/:file',
    (request, reply) => {
      // The real storage host takes a second credential beside the signature for an attack.
      if (request.headers.authorization) return reply.code(400).send('InvalidAuthenticationInfo')
      const path = request.url.split('?')[0] ?? ''
      if (signedUrls.check(path, request.query) !== 'good')
        return reply.code(403).send('AuthenticationFailed')
      const job = runs.job(Number.parseInt(request.params.file, 10))?.job
      if (!job) return reply.code(404).send('BlobNotFound')
      return reply.type('text/plain; charset=utf-8').send(renderLog(job))
    },
  )

  server.get<{Params: {file: string}; Querystring: Record<string, string>}>(
    '/artifacts/:file',
    (request, reply) => {
      if (request.headers.authorization) return reply.code(400).send('InvalidAuthenticationInfo')
      const path = request.url.split('?')[0] ?? ''
      if (signedUrls.check(path, request.query) !== 'good')
        return reply.code(403).send('AuthenticationFailed')
      const artifact = runs.artifact(Number.parseInt(request.params.file, 10))?.artifact
      if (!artifact) return reply.code(404).send('BlobNotFound')
      return reply.type('application/zip').send(Buffer.from(artifact.zip))
    },
  )

  server.get<{Params: Record<string, string>}>('/:owner/:repo/*', (request, reply) => {
    const {owner = '', repo = '', '*': rest = ''} = request.params
    runs.settle()
    const repository = repositories.find(`${owner}/${repo}`)
    const [, runId] = /^actions\/runs\/(\d+)/.exec(rest) ?? []
    const run = runs.find(Number(runId))
    if (!repository || (runId !== undefined && run?.repository !== repository)) {
      return reply.code(404).type('text/html; charset=utf-8').send(document('Not found', ''))
    }
    return reply.type('text/html; charset=utf-8').send(run ? runPage(run) : repositoryPage(repository))
  })

  return server
}

function runPage(run: RunState): string {
  const jobs = latest(run).jobs.map(job => {
    const steps = job.steps.map(
      step => `<li>${escape(step.script.name)}: ${step.conclusion ?? step.status}</li>`,
    )
    return `<h2>${escape(job.script.name)}: ${job.conclusion ?? job.status}</h2><ol>${steps.join('')}</ol>`
  })
  const facts = `${run.workflow.definition.name} #${run.number}, attempt ${latest(run).number}, on ${run.branch} by ${run.actor}, ${iso(run.createdAt)}`
  const state = run.conclusion ?? run.status
  return document(run.displayTitle, `<p>${escape(facts)}</p><p><strong>${state}</strong></p>${jobs.join('')}`)
}

function repositoryPage(repository: RepositoryState): string {
  const items = repository.runs.slice(0, 100).map(run => {
    const href = escape(`/${repository.fullName}/actions/runs/${run.id}`)
    return `<li><a href="${href}">${escape(run.displayTitle)}</a> ${run.conclusion ?? run.status}</li>`
  })
  return document(repository.fullName, `<ul>${items.join('')}</ul>`)
}

function document(title: string, body: string): string {
  return `<!doctype html><meta charset="utf-8"><title>${escape(title)}</title><body style="font-family:sans-serif"><h1>${escape(title)}</h1>${body}`
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, mark => `&#${mark.charCodeAt(0)};`)
}
