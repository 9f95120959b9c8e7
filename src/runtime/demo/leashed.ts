/**
 * The production process, tied to the demo that started it: when the line to the demo breaks, because it was killed
 * or its terminal closed, this ends as if an operator had asked it to, instead of working on for nobody.
 */
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
// The line alone is no reason to stay alive.
process.channel?.unref()
await import('../main.ts')
