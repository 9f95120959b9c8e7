import type {FastifyInstance} from 'fastify'
import type {Metrics} from '../platform/metrics.ts'

/** Prometheus text; open unless METRICS_TOKEN closes it. */
export function metricsRoutes({metrics}: {readonly metrics: Metrics}) {
  return (app: FastifyInstance): void => {
    app.get(
      '/metrics',
      {
        config: {
          access: 'metrics',
          about: {
            summary: 'Every metric of this process, for Prometheus',
            answers: {200: {description: 'the metrics', content: 'text/plain'}},
          },
        },
      },
      async (_request, reply) => reply.type(metrics.registry.contentType).send(await metrics.scrape()),
    )
  }
}
