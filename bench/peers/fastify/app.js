// One process of the Node peer: a fastify application that answers a vote with one durable INSERT.
import Fastify from 'fastify'
import { connect } from './database.js'

const uuid = { type: 'string', pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' }
const one = (items) => ({ type: 'array', minItems: 1, maxItems: 1, items })
const ballot = {
  type: 'object',
  required: ['answers'],
  properties: {
    answers: one({ type: 'object', required: ['question', 'choices'], properties: { question: uuid, choices: one(uuid) } })
  }
}
const receipt = {
  type: 'object',
  properties: {
    id: { type: 'string' }, poll: { type: 'string' }, cast_at: { type: 'string' }, position: { type: 'string' }, results: { type: 'string' }
  }
}

// Named statements are parsed and planned once per connection.
const INSERT = { name: 'insert-vote', text: 'INSERT INTO votes (poll_id, choice_id) VALUES ($1, $2) RETURNING id, cast_at' }
const POLL = { name: 'poll', text: 'SELECT p.title, p.question, c.id, c.text FROM polls p JOIN choices c ON c.poll_id = p.id WHERE p.id = $1 ORDER BY c.position' }
const COUNT = { name: 'count', text: 'SELECT choice_id, count(*)::int AS votes FROM votes WHERE poll_id = $1 GROUP BY choice_id' }

export async function build ({ connections, pipeline }) {
  const database = await connect({ connections, pipeline })
  const app = Fastify({ logger: false, keepAliveTimeout: 60_000, return503OnClosing: false })
  const polls = new Map() // a poll's texts and choices never change here

  async function pollOf (id) {
    const known = polls.get(id)
    if (known !== undefined) return known
    const { rows } = await database.query({ ...POLL, values: [id] })
    if (rows.length === 0) throw Object.assign(new Error('There is no such poll.'), { statusCode: 404 })
    const poll = { title: rows[0].title, question: rows[0].question, choices: new Map(rows.map((row) => [row.id, row.text])) }
    polls.set(id, poll)
    return poll
  }

  const params = { type: 'object', properties: { id: uuid } }

  app.post('/api/v1/polls/:id/votes', { schema: { params, body: ballot, response: { 201: receipt } } }, async (request, reply) => {
    const { id } = request.params
    const [{ question, choices: [choice] }] = request.body.answers
    const poll = await pollOf(id)
    if (question !== poll.question || !poll.choices.has(choice)) {
      throw Object.assign(new Error('There is no such choice in this question.'), { statusCode: 400 })
    }
    const { rows: [vote] } = await database.query({ ...INSERT, values: [id, choice] })
    reply.code(201)
    return { id: vote.id, poll: id, cast_at: vote.cast_at.toISOString(), position: vote.id, results: `/api/v1/polls/${id}/results` }
  })

  app.get('/api/v1/polls/:id/results', { schema: { params } }, async (request) => {
    const { id } = request.params
    const poll = await pollOf(id)
    const { rows } = await database.query({ ...COUNT, values: [id] })
    const votes = new Map(rows.map((row) => [row.choice_id, row.votes]))
    const ballots = rows.reduce((sum, row) => sum + row.votes, 0)
    const choices = Array.from(poll.choices, ([choice, text]) => {
      const n = votes.get(choice) ?? 0
      return { id: choice, text, votes: n, share: ballots === 0 ? 0 : Math.round(n / ballots * 10_000) / 10_000 }
    })
    return { poll: id, title: poll.title, ballots, questions: [{ id: poll.question, text: 'Which?', ballots, choices }] }
  })

  app.get('/healthz', async () => ({}))
  app.addHook('onClose', () => database.end())
  return app
}
