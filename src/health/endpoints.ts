import type {SafeHttp} from '../platform/safe-http.ts'
import type {EndpointCheck, EndpointsPort} from '../sdk/index.ts'
import {digestEndpoints} from './digest.ts'

const PATHS = {frontend: ['/', '/index.html'], api: ['/health', '/hello']} as const

/** Looks at the configured addresses, each once and all together. What is not configured is not checked, and not healthy either. */
export function createEndpoints({
  frontendBase,
  apiBase,
  http,
}: {
  readonly frontendBase: string | undefined
  readonly apiBase: string | undefined
  readonly http: SafeHttp
}): EndpointsPort {
  return {
    digest: digestEndpoints,
    async check(signal, {frontend, api} = {frontend: frontendBase, api: apiBase}) {
      const bases = [
        {side: 'frontend', base: frontend},
        {side: 'api', base: api},
      ] as const
      const checks = bases.flatMap(({side, base}) =>
        base === undefined
          ? []
          : PATHS[side].map(path => ({side, url: `${base.replace(/\/+$/, '')}${path}`})),
      )
      return Promise.all(
        checks.map(async ({side, url}): Promise<EndpointCheck> => {
          const result = await http.request(url, {method: 'GET', signal})
          return {
            side,
            url,
            ok: result.ok,
            ms: result.ms,
            ...(result.status === undefined ? {} : {status: result.status}),
            ...(result.headers['cache-control'] === undefined
              ? {}
              : {cacheControl: result.headers['cache-control']}),
            ...(result.error === undefined ? {} : {error: result.error}),
          }
        }),
      )
    },
  }
}
