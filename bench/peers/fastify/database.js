// Connections to PostgreSQL: a pool as usual, or with `pipeline` connections that take the next statement before they have answered the last.
// Either way each statement is a transaction of its own.
import pg from 'pg'

const NAME = 'peer-fastify'

export async function connect ({ connections, pipeline }) {
  if (!pipeline) {
    const pool = new pg.Pool({ max: connections, idleTimeoutMillis: 0, application_name: NAME })
    pool.on('error', (error) => console.error(error.message))
    return pool
  }
  const clients = Array.from({ length: connections }, () => new pg.Client({ pipeline: true, application_name: NAME }))
  await Promise.all(clients.map((client) => client.connect()))
  let turn = 0
  return {
    query: (statement) => clients[turn++ % connections].query(statement),
    end: () => Promise.all(clients.map((client) => client.end()))
  }
}
