/** `?view=embed` is for frames in other pages: the picture and its timeline alone. */
export const embedded = new URLSearchParams(location.search).get('view') === 'embed';
