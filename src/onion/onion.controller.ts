import { Controller, Post, Req, Res } from '@nestjs/common';
import { type FastifyReply, type FastifyRequest } from 'fastify';
import { Doors } from '../operator/doors.js';
import { OnionService } from './onion.service.js';
import { type Envelope } from './protocol/envelope.js';
import { envelopeV2 } from './protocol/envelope-v2.js';
import { envelopeV4 } from './protocol/envelope-v4.js';

/**
 * The two endpoints that take onion requests. The body arrives as raw bytes whatever its content type is, and the answer is
 * written to the raw reply, so that the framework adds no byte and no header.
 */
@Controller()
export class OnionController {
  constructor(private readonly onion: OnionService) {}

  @Doors('public')
  @Post('loki/v2/lsrpc')
  version2(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.answer(envelopeV2, request, reply);
  }

  @Doors('public')
  @Post('oxen/v4/lsrpc')
  version4(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.answer(envelopeV4, request, reply);
  }

  private async answer(envelope: Envelope, { body }: FastifyRequest, reply: FastifyReply): Promise<void> {
    const answer = await this.onion.answer(envelope, Buffer.isBuffer(body) ? body : Buffer.alloc(0), reply.elapsedTime);
    switch (answer.kind) {
      case 'sealed':
        void reply.code(200).header('content-type', envelope.contentType).send(answer.body);
        return;
      case 'refused':
        void reply.code(400).send();
        return;
    }
  }
}
