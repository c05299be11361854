/** Lets files be dropped on an element; `over` says whether one hangs over it. */
export function dropTarget(
  onfile: (file: File) => void,
  onover: (over: boolean) => void,
): (element: HTMLElement) => () => void {
  return (element) => {
    const carriesFile = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    const over = (event: DragEvent) => {
      if (!carriesFile(event)) return;
      event.preventDefault();
      onover(true);
    };
    const leave = (event: DragEvent) => {
      const to = event.relatedTarget;
      if (!(to instanceof Node && element.contains(to))) onover(false);
    };
    const drop = (event: DragEvent) => {
      onover(false);
      const file = event.dataTransfer?.files[0];
      if (!file) return;
      event.preventDefault();
      onfile(file);
    };
    const stop = new AbortController();
    const { signal } = stop;
    element.addEventListener('dragover', over, { signal });
    element.addEventListener('dragleave', leave, { signal });
    element.addEventListener('drop', drop, { signal });
    return () => {
      stop.abort();
    };
  };
}
