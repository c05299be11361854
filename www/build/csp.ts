import type { Plugin } from 'vite';

/** The same policy for the document (a meta tag) and for the worker's script (a header: a meta tag
 * does not govern workers). Only what is on the page's own host may be loaded. */
export const CSP = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** Puts the policy into the built page. The dev server needs inline styles and does without. */
export function contentSecurityPolicy(): Plugin {
  return {
    name: 'reverie:csp',
    apply: 'build',
    transformIndexHtml: () => [
      {
        tag: 'meta',
        attrs: { 'http-equiv': 'Content-Security-Policy', content: CSP },
        injectTo: 'head-prepend',
      },
    ],
  };
}
