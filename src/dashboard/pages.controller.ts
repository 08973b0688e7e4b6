import { Controller, Get, Header, NotFoundException, Param, Res, UseGuards } from '@nestjs/common';
import { type FastifyReply } from 'fastify';
import { BasicAuthGuard } from '../operator/basic-auth.guard.js';
import { openApiDocument } from './openapi/openapi-document.js';
import { ASSETS, DOCS_PAGE, type PageFile, readPageFile, STATISTICS_PAGE } from './page-files.js';
import { ForBrowsers } from './page-headers.js';

/** The operator's pages: HTML, CSS and scripts as they lie in `public/`, without a bundler. */
@Controller()
@UseGuards(BasicAuthGuard)
export class PagesController {
  @ForBrowsers()
  @Get('statistics')
  statistics(@Res() reply: FastifyReply): Promise<void> {
    return send(reply, STATISTICS_PAGE);
  }

  @ForBrowsers()
  @Get('docs')
  docs(@Res() reply: FastifyReply): Promise<void> {
    return send(reply, DOCS_PAGE);
  }

  @ForBrowsers()
  @Get('docs/openapi.json')
  @Header('content-type', 'application/json; charset=utf-8')
  openApi(): object {
    return openApiDocument();
  }

  @ForBrowsers()
  @Get('statistics/assets/:name')
  async asset(@Param('name') name: string, @Res() reply: FastifyReply): Promise<void> {
    const file = ASSETS.get(name);
    if (!file) throw new NotFoundException();
    await send(reply, file);
  }
}

async function send(reply: FastifyReply, file: PageFile): Promise<void> {
  const content = await readPageFile(file);
  void reply.type(file.type).send(content);
}
