import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addSendCommand } from './send.command.js';

describe('the help of send', () => {
  it('hands ids and tokens over on standard input: the command line can be read by every user of the machine', () => {
    let help = '';
    const program = new Command().configureOutput({ writeOut: (text) => void (help += text) });
    addSendCommand(program);
    program.commands[0]?.outputHelp();
    const examples = help.split('\n').filter((line) => /\bsend (register|notify|subscribe|store) /.test(line));
    expect(examples.length).toBeGreaterThan(1);
    expect(examples.filter((line) => !line.includes(' - '))).toEqual([]);
    expect(help).not.toMatch(/"(token|pubKey|send_to)"/);
    expect(help.replaceAll(/\s+/g, ' ')).toContain('- = read a JSON object or a list of them from standard input');
  });
});
