// A call from S3 to S3: recordings are streamed in by the SDK, the mix is streamed out as it is
// made.
//
//     npm install @aws-sdk/client-s3 @aws-sdk/lib-storage callweave
//     node process.mjs BUCKET customer.mp3 agent.mp3 OUT

import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { processCall } from 'callweave'

export async function processObjects(client, bucket, keys, out, options = {}) {
  const read = async (key) => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
    return { source: Body, name: `s3://${bucket}/${key}` }
  }
  const call = await processCall(await Promise.all(keys.map(read)), options)
  const mix = new Upload({
    client,
    params: { Bucket: bucket, Key: `${out}/mix.flac`, Body: call.mixStream({ format: 'flac' }) },
  })
  await mix.done()
  const report = { Bucket: bucket, Key: `${out}/report.json`, Body: call.reportJson, ContentType: 'application/json' }
  // Last: where the report is, everything is.
  await client.send(new PutObjectCommand(report))
  call[Symbol.dispose]()
  return call.report
}

if (process.argv[1] === import.meta.filename) {
  const [bucket, customer, agent, out] = process.argv.slice(2)
  const report = await processObjects(new S3Client(), bucket, [customer, agent], out, { roles: ['customer', 'agent'] })
  console.log(report.tag.value)
}
