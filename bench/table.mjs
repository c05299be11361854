// The report for people, as Markdown.

const digits = (number) => (number >= 100 ? number.toFixed(0) : number.toFixed(1));

export function table(report) {
  const { cells, gflop, roof_gflop_per_second: roof, loop_gflop_per_second: loop } = report;
  const { plain_convolution_gflop_per_second: plain } = report;
  const lines = [
    `${report.browser}, ${report.machine}, ${report.date}.`,
    ...(roof
      ? [
          `Roof: ${digits(roof)} GFLOP/s of multiply-adds in registers; a plain loop: ${digits(loop)}; ` +
            `a plain convolution: ${digits(plain)}.`,
        ]
      : []),
    '',
    '| network | batch | contender | ms a pass | first pass | GFLOP/s | of the roof | of the loop | a plain convolution’s | ours is faster by | off by |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
  ];
  for (const cell of cells) {
    const ours = cells.find(
      ({ contender, net, batch }) =>
        contender === 'reverie-webgpu' && net === cell.net && batch === cell.batch,
    );
    lines.push(`| ${row(cell, ours, gflop[cell.net], [roof, loop], plain).join(' | ')} |`);
  }
  const encode = Object.entries(report.encode_ms).map(([net, ms]) => `${net} ${ms.toFixed(2)} ms`);
  if (encode.length) lines.push('', `Encoding and submitting a pass: ${encode.join(', ')}.`);
  return lines.join('\n');
}

function row(cell, ours, gflop, roofs, plain) {
  const name = [cell.net, cell.batch, cell.contender];
  if (cell.skipped) return [...name, `left out: ${cell.skipped}`, '', '', '', '', '', '', ''];
  const rate = (cell.batch * gflop * 1000) / cell.ms;
  return [
    ...name,
    digits(cell.ms),
    digits(cell.first_ms),
    rate.toFixed(2),
    ...roofs.map((roof) =>
      roof && cell.contender.endsWith('webgpu') ? `${Math.round((100 * rate) / roof)}%` : '',
    ),
    plain && cell.contender.endsWith('webgpu') ? `${(rate / plain).toFixed(2)}×` : '',
    ours?.ms && ours !== cell ? `${(cell.ms / ours.ms).toFixed(1)}×` : '',
    cell.error.toExponential(1),
  ];
}
