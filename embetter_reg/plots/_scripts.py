"""What runs in the browser: CustomJS code and style of the interactive page."""

# A tooltip is as wide as it may be and shows the first lines of a long text.
TOOLTIP = """
<div style="width: 24rem; font: 13px/1.4 system-ui, sans-serif"><b>{labels}</b>
<div dir="auto" style="white-space: pre-line; overflow-wrap: anywhere; overflow: hidden;
display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 14"
>@{{hover}}</div></div>"""

# Where points of several labels lie under the pointer, each label has a tooltip. The
# last of them stays, which is that of the label drawn on top.
ONE_TOOLTIP = """
body > .bk-Tooltip.bk-non-interactive:has(~ .bk-Tooltip.bk-non-interactive) {
  display: none
}"""

# Of the points under a click, copies the one that the tooltip shows: of the label drawn
# last, the first document.
COPY = """
const active = legends.findIndex((legend) => legend.visible)
const column = source.data[columns[active]]
const position = (i) => labels[active].indexOf(column[i])
const [shown] = [...source.selected.indices].sort(
  (i, j) => position(j) - position(i) || i - j)
if (shown !== undefined) {
  const text = source.data.hover[shown]
  const start = text.slice(0, 80)
  const failed = () => {
    note.text = `This page may not use the clipboard; select the text here: ${text}`
  }
  if (navigator.clipboard) {
    navigator.clipboard.writeText(text).then(
      () => { note.text = `Copied: ${start}` }, failed)
  } else {
    failed()
  }
}
"""

RECOLOR = """
const column = columns[cb_obj.active]
for (const model of [...renderers, ...legends]) {
  model.visible = model.name == column
}
"""

# The values of a field are the places of its labels, so that a label is never markup.
FILTER = """
const passes = (_, i) => choices.every((choice, n) => {
  const column = source.data[columns[n]]
  return !choice.value.length
    || choice.value.some((place) => labels[n][Number(place)] == column[i])
})
filter.booleans = Array.from(source.data.hover, passes)
"""
