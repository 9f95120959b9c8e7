import type {FastifyInstance} from 'fastify'
import type {z} from 'zod'

/**
 * What the control panel of an emulator can, whatever service it stands in for: its help, faults, requests, deliveries.
 * What is wrong with an order is answered with 422.
 */
export function addCommonControl<Fault, Delivery>(
  server: FastifyInstance,
  {
    help,
    faultBody,
    faults,
    recorder,
    webhooks,
    shown,
  }: {
    readonly help: string
    readonly faultBody: z.ZodType<Fault>
    readonly faults: {readonly add: (fault: Fault) => unknown}
    readonly recorder: {readonly requests: readonly unknown[]}
    readonly webhooks: {
      readonly deliveries: readonly Delivery[]
      readonly redeliver: (id: number) => void
    }
    /** A delivery without what is large or secret. */
    readonly shown: (delivery: Delivery) => object
  },
): void {
  server.setErrorHandler((error, request, reply) => {
    if (!request.url.startsWith('/control/')) return reply.send(error)
    return reply.code(422).send({message: error instanceof Error ? error.message : String(error)})
  })
  server.get('/control', (_request, reply) => reply.type('text/plain; charset=utf-8').send(help))
  server.post<{Body: unknown}>('/control/faults', ({body}, reply) => {
    const fault = faultBody.parse(readBody(body))
    faults.add(fault)
    return reply.code(201).send(fault)
  })
  server.get('/control/requests', () => ({requests: recorder.requests}))
  server.get('/control/deliveries', () => ({deliveries: webhooks.deliveries.map(shown)}))
  server.post<{Params: {id: string}}>('/control/deliveries/:id/redeliver', ({params}, reply) => {
    webhooks.redeliver(Number(params.id))
    return reply.code(202).send({})
  })
}

/** The server hands bodies on as text, so that the API proper can judge them itself. */
export function readBody(body: unknown): unknown {
  return typeof body === 'string' && body !== '' ? (JSON.parse(body) as unknown) : {}
}
