"""How the page looks: wide and narrow, light and dark."""

STYLE = """
:root { color-scheme: light dark; --back: #fff; --ink: #222; --pale: #f3f3f3;
        --gray: #5c5c5c; --line: #ccc; --link: #005a9c }
@media (prefers-color-scheme: dark) {
  :root { --back: #181a1b; --ink: #e6e6e6; --pale: #26292b; --gray: #a9a9a9;
          --line: #4a4a4a; --link: #7cc0ff }
}
body { font: 16px/1.45 system-ui, sans-serif; color: var(--ink);
       background: var(--back); max-width: 76rem; margin: 1rem auto;
       padding: 0 1rem; overflow-wrap: anywhere }
h1 { font-size: 1.4rem; margin: .5rem 0 }
h2 { display: inline; font-size: 1.05rem; font-weight: 600 }
a { color: var(--link) }
.verdict { padding: .6rem 1rem; margin: .5rem 0 1rem; background: var(--pale);
           border-left: .4rem solid #8c8c8c }
.verdict strong { font-size: 1.15rem }
.verdict.register { border-color: #0072b2 }
.verdict.language { border-color: #d55e00 }
.screen { display: grid; gap: 1rem 2rem; align-items: start;
          grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
          margin-bottom: 1.5rem }
.pictures { display: grid; gap: 1rem;
            grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)) }
figure { margin: 0; min-width: 0 }
figure.large { grid-column: 1 / -1 }
figcaption, .method { color: var(--gray); font-size: .85rem }
img { max-width: 100%; height: auto; background: #fff; border-radius: 3px }
details { border-top: 1px solid var(--line); padding: .5rem 0 }
summary { cursor: pointer }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .88rem;
        font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top;
         overflow-wrap: normal }
th { border-bottom: 1px solid var(--gray); font-weight: 600 }
tr.first td { border-top: 1px solid var(--line) }
td span { white-space: nowrap }
td:first-child { min-width: 7rem }
td:last-child { overflow-wrap: anywhere }
@media (max-width: 44rem) {
  table { font-size: .8rem }
  th, td { padding-right: .5rem }
  td:first-child { min-width: 5rem }
}
small { color: var(--gray) }
ul { padding-left: 1.2rem }
"""
