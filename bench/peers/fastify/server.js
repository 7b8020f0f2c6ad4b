// Starts the Node peer: WORKERS processes on one port, each with its own pool of CONNECTIONS.
import cluster from 'node:cluster'
import process from 'node:process'
import { build } from './app.js'

const workers = Number(process.env.WORKERS ?? 2)
const connections = Number(process.env.CONNECTIONS ?? 16)
const pipeline = process.env.PIPELINE === '1'

if (workers > 1 && cluster.isPrimary) {
  for (let n = 0; n < workers; n++) cluster.fork()
  process.on('SIGTERM', () => cluster.disconnect(() => process.exit(0)))
} else {
  const app = await build({ connections, pipeline })
  await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT), backlog: 2048 })
  process.on('SIGTERM', () => { app.close().then(() => process.exit(0)) })
}
