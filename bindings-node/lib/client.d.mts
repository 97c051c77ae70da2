export * from './client.cjs'
