import { MediaQuery } from 'svelte/reactivity';

/** `?view=embed` is for frames in other pages: the picture and its timeline alone. */
export const embedded = new URLSearchParams(location.search).get('view') === 'embed';

/** Whether the screen is as narrow as a phone's: one thing below the other. */
export const phone = new MediaQuery('max-width: 719px', false);

/** Whether it is too narrow or too low for controls beside the picture: they are in sheets. */
export const narrow = new MediaQuery('(max-width: 899px), (max-height: 479px)', false);

/** Whether it is as low as a phone's on its side: what is below the picture is one bar. */
export const low = new MediaQuery('(max-height: 479px) and (min-width: 600px)', false);
