export { Gone, Guard, Later, Outbox, Poster, Refused, download, send, steps } from './client.cjs'
