#include "panel/files.h"

#include <stdio.h>
#include <string.h>

#include "crypto.h"
#include "text.h"

/* clang-format off */
static const char style[] =
    ":root { color-scheme: light dark; --text: #1b1b1b; --back: #fff; --link: #1a4fa3; --line: #8a8a8a;\n"
    "    --warn: #5c3b00; --warn-back: #fff3d6; --bad: #8f1414; --good: #145c1e; }\n"
    "@media (prefers-color-scheme: dark) { :root { --text: #f0f0f0; --back: #161616; --link: #9ec1ff;\n"
    "    --line: #8a8a8a; --warn: #ffe0a3; --warn-back: #3a2c0c; --bad: #ffb3b3; --good: #a6e8af; } }\n"
    "* { box-sizing: border-box; } [hidden] { display: none !important; }\n"
    "body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); }\n"
    "header, main { max-width: 64rem; margin: 0 auto; padding: .75rem 1rem; }\n"
    "header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: center;\n"
    "    border-bottom: 1px solid var(--line); }\n"
    ".who { margin-left: auto; overflow-wrap: anywhere; }\n"
    "a { color: var(--link); } h1 { font-size: 1.5rem; overflow-wrap: anywhere; }\n"
    ":focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }\n"
    "h1:focus { outline: none; }\n"
    "form[role=search] { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }\n"
    "a, button, input { min-height: 2.75rem; } p a, td a, th a, li a, nav a { min-height: 0; }\n"
    "td a, nav a, .next a { display: inline-block; padding: .6rem .5rem .6rem 0; }\n"
    ".skip { position: absolute; left: -100rem; } .skip:focus { left: 1rem; top: 0; background: var(--back); }\n"
    ".vh { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }\n"
    "button, .button { font: inherit; padding: .5rem 1rem; border: 2px solid var(--link); border-radius: .3rem;\n"
    "    background: var(--link); color: var(--back); cursor: pointer; text-decoration: none; display: inline-block; }\n"
    "input[type=text], input[type=search], input[type=number] { font: inherit; padding: .4rem; max-width: 100%;\n"
    "    border: 1px solid var(--line); border-radius: .3rem; color: inherit; background: var(--back); }\n"
    "input[type=text] { width: 32rem; } input[type=number] { width: 6rem; }\n"
    "input[type=radio], input[type=checkbox] { min-height: 1.25rem; width: 1.25rem; vertical-align: middle; }\n"
    "input.token { font-family: monospace; width: 100%; }\n"
    "[aria-invalid] { border: 2px solid var(--bad) !important; }\n"
    ".hint { margin: .2rem 0; } .field { margin: 1rem 0; } .choice { display: block; padding: .4rem 0; }\n"
    "fieldset { border: 1px solid var(--line); border-radius: .3rem; margin: 1rem 0; }\n"
    ".warning, .trouble, .done { padding: .5rem 1rem; border-left: .4rem solid; }\n"
    ".warning { color: var(--warn); background: var(--warn-back); }\n"
    ".trouble { color: var(--bad); } .done { color: var(--good); }\n"
    ".domains { display: flex; flex-wrap: wrap; gap: 0 1rem; list-style: none; margin: 0; padding: 0; }\n"
    "table { border-collapse: collapse; width: 100%; } caption { text-align: left; }\n"
    "th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line);\n"
    "    vertical-align: top; }\n"
    "tbody th, td bdi { overflow-wrap: anywhere; } thead th, time, .actions { white-space: nowrap; }\n"
    "dt { font-weight: bold; } dd { margin: 0 0 .5rem; overflow-wrap: anywhere; }\n"
    "@media (max-width: 40rem) { table, tbody, tr, td, th { display: block; }\n"
    "    thead { position: absolute; clip-path: inset(50%); height: 1px; overflow: hidden; }\n"
    "    tr { border-bottom: 1px solid var(--line); padding: .5rem 0; } td, tbody th { border: 0; padding: .1rem 0; }\n"
    "    td[data-name]::before { content: attr(data-name) \": \"; } .who { margin-left: 0; width: 100%; } }\n"
    "@media print { button, .button, .skip { display: none; } }\n";

/* The token is emptied when the page is left: browsers keep pages for their Back. */
static const char script[] =
    "'use strict';\n"
    "const field = document.getElementById('token');\n"
    "const button = document.getElementById('copy');\n"
    "const said = document.getElementById('copied');\n"
    "function select() {\n"
    "    field.focus();\n"
    "    field.select();\n"
    "    field.setSelectionRange(0, field.value.length);\n"
    "}\n"
    "function tell(done) {\n"
    "    said.textContent = done ? 'Copied.' : 'Not copied. Select the token and copy it.';\n"
    "}\n"
    "function copyBySelection() {\n"
    "    select();\n"
    "    tell(document.execCommand('copy'));\n"
    "    button.focus();\n"
    "}\n"
    "if (field && button && said) {\n"
    "    button.hidden = false;\n"
    "    button.addEventListener('click', () => {\n"
    "        if (navigator.clipboard)\n"
    "            navigator.clipboard.writeText(field.value).then(() => tell(true), copyBySelection);\n"
    "        else\n"
    "            copyBySelection();\n"
    "    });\n"
    "    window.addEventListener('pagehide', () => { field.value = ''; });\n"
    "}\n";
/* clang-format on */

enum { NAME_SIZE = 2 * CHAIN_SIZE + sizeof("panel-.css") };

char style_name[NAME_SIZE], script_name[NAME_SIZE];

static void name_file(char name[NAME_SIZE], const char *kind, const char *text, const char *suffix)
{
    unsigned char sum[CHAIN_SIZE];
    char hex[2 * CHAIN_SIZE + 1] = "";
    struct digest digest;

    crypto_digest_start(&digest, CHAIN_SIZE);
    crypto_digest_add(&digest, text, strlen(text));
    crypto_digest_end(&digest, sum, CHAIN_SIZE);
    hex_encode(hex, sum, CHAIN_SIZE);
    snprintf(name, NAME_SIZE, "%s-%s.%s", kind, hex, suffix);
}

void files_start(void)
{
    name_file(style_name, "panel", style, "css");
    name_file(script_name, "copy", script, "js");
}

bool files_have(const char *name)
{
    return strcmp(name, style_name) == 0 || strcmp(name, script_name) == 0;
}

void files_answer(struct answer *answer, const char *name)
{
    bool is_style = strcmp(name, style_name) == 0;

    answer->status = 200;
    answer->medium = is_style ? MEDIUM_STYLE : MEDIUM_SCRIPT;
    if (is_style)
        page_put(&answer->page, style, sizeof(style) - 1);
    else
        page_put(&answer->page, script, sizeof(script) - 1);
}
