// What the scripts of all pages begin with. _report_page.py puts it in the place of "@SHARED@".
const byId = (id) => document.getElementById(id);

// Characters that show nothing, or turn around what follows, would let a text look like another one.
const visible = (text) => String(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g,
  (sign) => "\\u" + sign.codePointAt(0).toString(16).padStart(4, "0"));

// All of the page is made here. Strings become text nodes: nothing in the data is ever read as HTML.
function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : visible(value));
  }
  for (const child of children.flat(2)) {
    if (child !== null) made.append(child instanceof Node ? child : visible(child));
  }
  return made;
}
