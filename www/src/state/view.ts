import { MediaQuery } from 'svelte/reactivity';

/** `?view=embed` is for frames in other pages: the picture and its timeline alone. */
export const embedded = new URLSearchParams(location.search).get('view') === 'embed';

/** Whether the screen is as narrow as a phone's: controls are in sheets there. */
export const phone = new MediaQuery('max-width: 719px', false);
