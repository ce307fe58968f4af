"""What makes the page that a browser shows hard to use: for people who see little, use a keyboard, or hold a phone."""

from typing import cast

from selenium.webdriver import Keys

from docs._ext.browser import Browser

MOST_STEPS = 200

# WCAG 2.2: 1.4.3 contrast, 1.4.10 reflow, 1.3.1 and 2.4.6 headings and labels, 2.5.8 size of targets, 4.1.2 names.
PROBLEMS = """
const problems = [];
const say = (what, element) => problems.push(what + ": " + (element ? element.outerHTML.slice(0, 200) : ""));
const all = selector => [...document.querySelectorAll(selector)];
const visible = element => element.checkVisibility() && element.getBoundingClientRect().right > 0;

if (!document.documentElement.lang) say("no language");
if (!document.title.trim()) say("no title");
for (const [selector, number] of [["h1", 1], ["main", 1], ["header", 1], ["footer", 1]])
    if (all(selector).length != number) say(selector + " not once");
all("h1, h2, h3, h4").reduce((last, heading) => {
    const level = +heading.tagName[1];
    if (level > last + 1 || !heading.innerText.trim()) say("heading out of order or empty", heading);
    return level;
}, 0);
if (document.documentElement.scrollWidth > innerWidth) say("wider than the screen");
for (const element of all("[id]"))
    if (all("#" + CSS.escape(element.id)).length > 1) say("id used twice", element);
for (const element of all("input:not([type=hidden], [type=submit]), select, textarea"))
    if (![...element.labels].some(label => label.textContent.trim()) && !element.ariaLabel) say("no label", element);
for (const element of all("button, a")) {
    if (!element.textContent.trim() && !element.ariaLabel) say("no name", element);
    const {width, height} = element.getBoundingClientRect();
    const inText = getComputedStyle(element).display == "inline";
    if (visible(element) && !inText && (width < 24 || height < 24)) say("too small to press", element);
}
for (const element of all("table"))
    if (!element.caption?.innerText || !element.querySelector("th[scope=col]")) say("no caption or heads", element);
for (const element of all("img")) if (!element.hasAttribute("alt")) say("no alternative", element);
for (const element of all("[tabindex]")) if (element.tabIndex > 0) say("own order of the keyboard", element);

const parts = color => color.match(/[\\d.]+/g).map(Number);
const light = color => {
    const [r, g, b] = parts(color).map(part => part / 255).map(
        part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = element => {
    for (; element; element = element.parentElement) {
        const color = getComputedStyle(element).backgroundColor, [, , , alpha = 1] = parts(color);
        if (alpha == 1) return color;
    }
    return "rgb(255, 255, 255)";
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node; node = walker.nextNode();) {
    const element = node.parentElement;
    if (!node.data.trim() || !visible(element)) continue;
    const [dark, bright] = [light(getComputedStyle(element).color), light(ground(element))].sort((a, b) => a - b);
    const contrast = (bright + 0.05) / (dark + 0.05);
    if (contrast < 4.5) say("contrast of " + contrast.toFixed(1), element);
}
return problems;
"""

# What has the focus, and whether its outline shows that.
FOCUS = """
const element = document.activeElement, style = getComputedStyle(element);
if (element == document.body) return null;
return [element.outerHTML.slice(0, 200), style.outlineStyle != "none" && parseFloat(style.outlineWidth) >= 2];
"""
REACHABLE = """
return [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
    .filter(element => element.checkVisibility())  // what is folded away is reached once it is unfolded
    .filter(element => element.type != "radio" || element == document.querySelector(`[name="${element.name}"]`))
    .map(element => element.outerHTML.slice(0, 200));
"""


def problems(browser: Browser) -> list[str]:
    """List what is wrong with the page that is shown."""
    return cast("list[str]", browser.ask(PROBLEMS))


def problems_of_the_keyboard(browser: Browser) -> list[str]:
    """List what the Tab key does not reach on the page that is shown, and what does not show that it has the focus."""
    browser.ask("document.activeElement.blur()")
    reached = dict[str, bool]()
    for _ in range(MOST_STEPS):
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        focus = cast("tuple[str, bool] | None", browser.ask(FOCUS))
        if focus is None or focus[0] in reached:
            break
        reached[focus[0]] = focus[1]
    wanted = cast("list[str]", browser.ask(REACHABLE))
    unseen = [f"focus cannot be seen: {element}" for element, is_shown in reached.items() if not is_shown]
    return [f"not reached: {element}" for element in wanted if element not in reached] + unseen
