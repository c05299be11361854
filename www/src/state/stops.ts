/** Where a slider stops between `min` and `max`: at those of `stops` that are, and at the end. */
export function stopsWithin(stops: readonly number[], min: number, max: number): number[] {
  return [...stops.filter((stop) => stop >= min && stop < max), max];
}

/** The place of the stop that is nearest to a value. */
export function nearestStop(stops: readonly number[], value: number): number {
  const distances = stops.map((stop) => Math.abs(stop - value));
  return distances.indexOf(Math.min(...distances));
}
