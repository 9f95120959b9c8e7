// Starts the embedded Postgres of a home and holds it: `tsx postgres-holder.ts <home>`. Says what it got as one line
// of JSON, lets go when its input ends.
import {startEmbeddedPostgres} from '../../src/platform/embedded-postgres.ts'

const server = await startEmbeddedPostgres({home: process.argv[2] ?? '', log: {warn: () => undefined}})
console.log(JSON.stringify({url: server.url, port: server.port, ownsServer: server.ownsServer}))
process.stdin.resume().once('end', () => void server.stop())
