import {expect, test} from 'vitest'
import {z} from 'zod'
import {describeApi} from '../../../src/api/openapi.ts'

const answers = {200: {description: 'done', content: z.object({id: z.string(), at: z.date()})}}

test('a route is described by its own declaration: path, query, body, credentials, answers', () => {
  const document = describeApi(
    [
      {
        method: 'POST',
        url: '/runs/:id/events/:number',
        access: 'token',
        summary: 'Say something about a run',
        query: z.object({limit: z.coerce.number().default(100), q: z.string()}),
        body: z.object({text: z.string().max(10), loud: z.boolean().default(false)}),
        answers,
      },
    ],
    false,
  )
  expect(document).toMatchObject({
    paths: {
      '/runs/{id}/events/{number}': {
        post: {
          operationId: 'post_runs_id_events_number',
          security: [{token: []}],
          parameters: [
            {in: 'path', name: 'id', required: true},
            {in: 'path', name: 'number', required: true},
            {in: 'query', name: 'limit', required: false},
            {in: 'query', name: 'q', required: true, schema: {type: 'string'}},
          ],
          requestBody: {
            required: true,
            content: {
              'application/json': {
                schema: {required: ['text'], properties: {text: {type: 'string', maxLength: 10}}},
              },
            },
          },
          responses: {
            200: {content: {'application/json': {schema: {required: ['id', 'at']}}}},
            default: {
              content: {'application/problem+json': {schema: {$ref: '#/components/schemas/Problem'}}},
            },
          },
        },
      },
    },
  })
  expect(JSON.stringify(document)).not.toContain('$schema')
})

test.each([
  ['public', false, []],
  ['signature', false, []],
  ['metrics', false, []],
  ['metrics', true, [{token: []}]],
  ['person', false, [{person: []}, {token: []}]],
  ['token', false, [{token: []}]],
] as const)('%s (metrics closed: %s) asks for the credentials %j', (access, closed, security) => {
  expect(describeApi([{method: 'GET', url: '/x', access, summary: 'x', answers}], closed)).toMatchObject({
    paths: {'/x': {get: {security}}},
  })
})
