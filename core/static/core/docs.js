// Gives the style elements that ReDoc makes the nonce of this page, because the browser lets in no others. It knows no way to be told.
"use strict";

const { nonce } = document.currentScript;
const create = document.createElement.bind(document);

document.createElement = (name, ...more) => {
  const element = create(name, ...more);
  if (String(name).toLowerCase() === "style") element.nonce = nonce;
  return element;
};
