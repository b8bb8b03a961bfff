#!/usr/bin/env python3
"""Writes jinja.golden: what Jinja renders, set up as the usual loaders of chat templates do.

    python3 tests/unit/engine/make_jinja_golden.py > tests/unit/engine/jinja.golden

Needs python3-jinja2. A line is a JSON object: "template", "vars", and "expected" (null where Jinja
raises an error). The templates are written for this test.
"""
import json
from datetime import datetime, timezone
import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = 1768471200  # 2026-01-15 10:00 UTC; test_jinja.c has the same


class Generation(Extension):
    """{% generation %} only marks; here its body is simply there."""
    tags = {"generation"}

    def parse(self, parser):
        lineno = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.Scope(body).set_lineno(lineno)


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda f: datetime.fromtimestamp(NOW, timezone.utc).strftime(f)
    return env


MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "  Hi <|im_end|> there \n"},
            {"role": "assistant", "content": "Hello!"}, {"role": "user", "content": "na\u00efve \u4e2d\u6587?"}]
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "Say \"what\" it's like",
          "parameters": {"type": "object", "properties": {"city": {"type": "string", "enum": ["A", "B"]},
                         "days": {"type": "integer", "default": 3}}, "required": ["city"]}}}]
CALLS = [{"role": "user", "content": "Weather?"},
         {"role": "assistant", "content": None, "tool_calls": [
             {"type": "function", "id": "c1", "function": {"name": "get_weather", "arguments": {"city": "A", "n": 1.5}}}]},
         {"role": "tool", "name": "get_weather", "tool_call_id": "c1", "content": "{\"t\": 3}"},
         {"role": "assistant", "content": "<think>\nhm\n</think>\n\nCold."}, {"role": "user", "content": "Thanks"}]

CHATML = """{% for message in messages %}
{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}
{% endfor %}
{% if add_generation_prompt %}
{{ '<|im_start|>assistant\\n' }}
{% endif %}"""
HEADERS = """{{- bos_token }}
{%- set offset = 0 %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system = messages[0]['content']|trim %}
    {%- set rest = messages[1:] %}
{%- else %}
    {%- set system = '' %}
    {%- set rest = messages %}
{%- endif %}
{{- "<|start|>system<|end|>\\n\\n" }}
{{- "Today Date: " + strftime_now("%d %b %Y") + "\\n\\n" }}
{{- system }}
{%- for message in rest %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Roles must alternate user/assistant/...') }}
    {%- endif %}
    {{- '<|start|>' + message['role'] + '<|end|>\\n\\n' + message['content'] | trim + eos_token }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start|>assistant<|end|>\\n\\n' }}{%- endif %}
"""
TOOLED = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n\\n' }}{%- endif %}
    {{- "# Tools\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- endif %}
{%- set ns = namespace(multi=true, last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi and message.role == "user" and message.content is string and not(message.content.startswith('<r>') and message.content.endswith('</r>')) %}
        {%- set ns.multi = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}{%- set content = message.content %}{%- else %}{%- set content = '' %}{%- endif %}
    {%- if message.role == "user" %}
        {{- '<|im_start|>user\\n' + content + '<|im_end|>\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set thought = '' %}
        {%- if '</think>' in content %}
            {%- set thought = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '<|im_start|>assistant\\n' }}
        {%- if loop.index0 > ns.last or (loop.last and thought) %}{{- '<think>' + thought.strip() + '</think>' }}{%- endif %}
        {{- content }}
        {%- for call in message.tool_calls or [] %}
            {%- if call.function %}{%- set call = call.function %}{%- endif %}
            {{- '<tool_call>{"name": "' ~ call.name ~ '", "arguments": ' }}
            {%- if call.arguments is string %}{{- call.arguments }}{%- else %}{{- call.arguments | tojson }}{%- endif %}
            {{- '}</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '<r>' + content + '</r>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '<|im_end|>\\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""
MACROS = """{%- macro type_of(spec, depth=0) -%}
    {%- if spec.type == "string" -%}
        {%- if spec.enum -%}{{ '"' + spec.enum|join('" | "') + '"' }}{%- else -%}string{%- endif -%}
    {%- elif spec.type == "object" -%}
        {
        {%- for name, prop in spec.properties.items() -%}
            {{ name }}: {{ type_of(prop, depth=depth + 1) }}
            {%- if name not in (spec.required or []) %} (optional){% endif %}
            {%- if prop.default is defined %} = {{ prop.default }}{% endif %}
            {%- if not loop.last %}, {% endif -%}
        {%- endfor -%}
        }
    {%- elif spec.type is not defined -%}any{%- else -%}{{ spec.type }}{%- endif -%}
{%- endmacro -%}
namespace functions {
{% for tool in tools %}
{%- set f = tool.function %}
// {{ f.description | default('none') }}
type {{ f.name }} = (_: {{ type_of(f.parameters) }}) => any;
{% endfor %}
}"""
CHAT = [CHATML, HEADERS, TOOLED, MACROS]

SMALL = r"""
a{# c #}b
{# a comment alone #}
x
    {% if true %}
y
    {% endif %}
z
  {%+ if true %}kept{% endif +%}
next
a {%- if true -%} b {%- endif -%} c
{{- 'x' -}}   y
   {{ 1 }}
---
{% set a = 1 %}{% set b, c = 2, 'x' %}{{ a }}{{ b }}{{ c }}{% set (d, e) = [3, 4] %}{{ d + e }}
---
{% set t %}  block {{ 1 + 1 }}
{% endset %}[{{ t }}]
---
{{ 1 + 2 * 3 - 4 // 3 }} {{ 7 / 2 }} {{ 7 % 3 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 2.5 * 2 }} {{ 1e3 }} {{ 0.1 + 0.2 }} {{ 1 / 3 }}
---
{{ 1e16 }} {{ 123456789.0 }} {{ 1.5e-7 }} {{ 0.0001 }} {{ 1e100 }} {{ -0.5 }} {{ 5.0 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 100000.0 * 10 }}
---
{{ 'a' ~ 1 ~ none ~ true ~ 1.0 }} {{ 'ab' * 3 }} {{ 'a' 'b' "c" }} {{ 1 if true else 2 }} {{ 1 if false }}|{{ 'x' if n is defined else 'y' }}
---
{{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' < 'b' }} {{ 'b' in 'abc' }} {{ 2 not in [1, 2] }} {{ 'k' in {'k': 1} }} {{ none == none }} {{ [1, [2]] == [1, [2]] }} {{ {'a': 1} == {'a': 1.0} }} {{ 3 >= 3 }} {{ 1 != 2 }}
---
{{ not true or false and true }} {{ (1 or 2) and 3 }} {{ '' or 'x' }} {{ [] and 1 }} {{ not not 1 }}
---
{{ -2 | abs }} {{ - 3 + 1 }} {{ +4 }} {{ (1, 2, 3) | length }} {{ (5) }} {{ () | list }} {{ [1, 2,] }} {{ {'a': 1,} }}
---
{% for x in [1, 2, 3] %}{{ loop.index }}/{{ loop.length }}:{{ x }}{{ ',' if not loop.last }}{{ loop.first }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.cycle('o', 'e') }} {% endfor %}
---
{% for x in [1, 2, 3, 4, 5] if x % 2 %}{{ loop.index0 }}={{ x }};{{ loop.previtem | default('-') }}{{ loop.nextitem | default('-') }} {% else %}none{% endfor %}|{% for x in [] %}a{% else %}empty{% endfor %}|{% for x in missing %}a{% else %}undefined{% endfor %}
---
{% for k, v in {'a': 1, 'b': [2]}.items() %}{{ k }}={{ v }} {% endfor %}{% for k in {'x': 1} %}{{ k }}{% endfor %}{% for c in 'hé中' %}<{{ c }}>{% endfor %}
---
{% for x in range(10) %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 5 %}{% break %}{% endif %}{{ x }}{% endfor %}|{% for x in range(1, 10, 3) %}{{ x }}{% endfor %}|{{ range(3) | list }}|{% for x in range(3, 0, -1) %}{{ x }}{% endfor %}
---
{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}{% if true %}{% set x = 9 %}{% endif %}{{ x }}
---
{% set ns = namespace(n=0, s='') %}{% for i in [1, 2, 3] %}{% set ns.n = ns.n + i %}{% set ns.s = ns.s ~ i %}{% endfor %}{{ ns.n }}{{ ns.s }}{{ ns.missing is defined }}
---
{% macro m(a, b=2, c='x') %}[{{ a }},{{ b }},{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(a=5, c='y') }}{{ m(1, c='z') | upper }}{% set r = m(0) %}{{ r }}
---
{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(4) }}
---
{{ s[0] }}{{ s[-1] }}{{ s[1:3] }}{{ s[:-1] }}{{ s[2:] }}{{ s[100:] }}|{{ l[1:] }}{{ l[-2:] }}{{ l[::-1] }}{{ l[::2] }}{{ l[3:0:-1] }}{{ l[-1] }}{{ l[9] is defined }}{{ l.0 }}
---
{{ d.a }}{{ d['b'].c }}{{ d.zz is defined }}{{ d.get('a') }}{{ d.get('q') }}{{ d.get('q', 5) }}{{ d.keys() | list }}{{ d.values() | list }}{{ d['a' ~ ''] }}
---
{{ '  a b '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ ' a '.lstrip() }}|{{ ' a '.rstrip() }}|{{ 'aXb'.upper() }}{{ 'aXb'.lower() }}{{ 'hELLO wORLD'.capitalize() }}|{{ 'a,b,,c'.split(',') }}|{{ ' a  b c '.split() }}|{{ 'a,b,c'.split(',', 1) }}|{{ ' a b  c '.split(none, 1) }}
---
{{ 'abc'.startswith('ab') }}{{ 'abc'.endswith(('x', 'c')) }}{{ 'aXbX'.replace('X', '--') }}{{ 'aaa'.replace('a', 'b', 2) }}{{ 'ab'.replace('', '-') }}{{ 'hé中x'.find('x') }}{{ 'abc'.find('q') }}{{ 'a-b-c'.count('-') }}{{ '-'.join(['a', 'b']) }}{{ 'a\nb\n'.splitlines() }}{{ 'abc'.removeprefix('a').removesuffix('c') }}
---
{{ ' x ' | trim }}|{{ 'xax' | trim('x') }}|{{ 'abc' | upper }}{{ 'ABC' | lower }}{{ 'foo bar-baz (qux' | title }}{{ 'hELLO' | capitalize }}{{ 'abc' | length }}{{ [1, 2] | count }}{{ 'hé中' | length }}{{ {'a': 1} | length }}{{ missing | length }}
---
{{ [1, 'a', none] | join(', ') }}|{{ [{'n': 1}, {'n': 2}] | join('+', attribute='n') }}|{{ 'abc' | join('.') }}|{{ [3, 1, 2] | sort }}{{ ['b', 'A', 'c'] | sort }}{{ [1, 3, 2] | sort(reverse=true) }}|{{ {'b': 1, 'a': 2} | dictsort }}|{{ ['a', 'A', 'b'] | unique | list }}
---
{{ missing | default('d') }}{{ none | default('d') }}{{ '' | default('d', true) }}{{ 0 | d('e', boolean=true) }}{{ missing | d }}|{{ [1, 2] | first }}{{ [1, 2] | last }}{{ 'xyz' | last }}{{ [] | first is defined }}|{{ [1, 2, 3] | reverse | list }}{{ 'añb' | reverse }}
---
{{ '12' | int }}{{ 'x' | int }}{{ 'x' | int(7) }}{{ 3.9 | int }}{{ '3.9' | int }}{{ true | int }}{{ '2.5' | float }}{{ 5 | float }}{{ 5 | string }}{{ [1] | string }}{{ 'a' | safe }}{{ (-5) | abs }}
---
{{ 'a\nb\n\nc' | indent }}|{{ 'a\nb' | indent(2, true) }}|{{ 'a\n\nb' | indent(3, blank=true) }}|{{ 'a\nb\n' | indent(1) }}|{{ 'a\nb' | indent('> ', first=true) }}
---
{{ [{'a': 1, 'b': 'x'}, {'a': 2}] | map(attribute='a') | list }}{{ [{'a': 1}] | map(attribute='z', default='-') | list }}{{ ['a', 'b'] | map('upper') | list }}{{ [{'f': {'n': 1}}] | map(attribute='f.n') | list }}
---
{{ l | select('odd') | list }}{{ l | reject('gt', 2) | list }}{{ [0, 1] | select | list }}{{ m | selectattr('role', 'equalto', 'user') | list }}{{ m | rejectattr('role', 'eq', 'user') | map(attribute='role') | list }}{{ m | selectattr('x') | list }}{{ m | selectattr('x', 'defined') | list | length }}
---
{{ v | tojson }}
{{ v | tojson(indent=2) }}
{{ [] | tojson(indent=2) }}{{ {} | tojson }}{{ 'é"\\\n\t/<>&\'' | tojson }}{{ 1.0 | tojson }}{{ none | tojson }}{{ true | tojson }}
---
{{ v }}|{{ ['it\'s', "q\"", 'a\nb\\'] }}|{{ [none, true, 1.5, {'k': 'v'}] }}|{{ none }}|{{ true }}|{{ missing }}|
---
{{ s is string }}{{ l is iterable }}{{ d is mapping }}{{ 1 is number }}{{ 1.0 is float }}{{ 1 is integer }}{{ true is boolean }}{{ true is integer }}{{ none is none }}{{ l is sequence }}{{ s is not none }}{{ x is undefined }}{{ 4 is even }}{{ 3 is odd }}{{ 9 is divisibleby 3 }}{{ 9 is divisibleby(2) }}{{ 1 is eq 1 }}{{ 'a' is in ['a'] }}{{ true is true }}{{ 1 is true }}{{ false is false }}{{ not s is string }}{{ 3 is gt 2 and 2 is lt 3 }}{{ d is not mapping or true }}
---
{% if x is not defined %}{% set x = 'def' %}{% endif %}{{ x }}{% if s and l|length > 2 %}yes{% elif s %}no{% else %}never{% endif %}{% if false %}a{% elif false %}b{% elif true %}c{% elif true %}d{% endif %}
---
{% generation %}said{% endgeneration %}|{{ "\x41\u00e9\t\\d\'" }}|{{ 'a' "b" }}|{{ '{{ not a tag }}' }}{{ {'a': {'b': 1}}['a']['b'] }}{{{'x': 2}.x}}
---
{{ strftime_now('%Y-%m-%d') }}{{ dict(a=1, b='x') }}{{ [1] + [2] }}{{ d | items | list }}{{ (l | length) + 1 }}{{ l | length + 1 }}{{ 'a' + 'b' | upper }}
---
{{ s[::-1] }}{{ s[3:0:-2] }}|{{ s | reverse }}{{ l | reverse | list }}
---
{{ 5 | reverse | list }}
---
{{ missing | int }}
---
{{ 5 | indent }}
---
{{ d[1:] }}
---
{{ missing.attr }}
---
{{ missing['x'] }}
---
{{ 'a' + 1 }}
---
{{ none + 'a' }}
---
{{ 1 < 'a' }}
---
{% for x in 5 %}{% endfor %}
---
{% for x in none %}{% endfor %}
---
{{ raise_exception('no') }}
---
{{ 1 / 0 }}
---
{{ d.a.b.c }}
---
{% for a, b in [[1, 2, 3]] %}{% endfor %}
---
{% set d.a = 1 %}
---
{{ none.strip() }}
---
{{ missing + 1 }}
---
{{ 'a'.split('') }}
---
{% if true %}
  text
    {%- if false %} gone {% endif -%}
  more
{% endif %}
end

---
{%- for i in range(2) %}
{{ i }}
{%- endfor %}

tail   {#- c -#}   x
{#+ kept #}
  {# gone #}
y
"""
VARS = {"s": "h\u00e9llo", "l": [1, 2, 3, 4], "d": {"a": 1, "b": {"c": "x"}},
        "m": [{"role": "user", "x": 1}, {"role": "assistant", "x": 0}],
        "v": {"a": [1, 2.5, "q\u00e9\"", None, True], "b": {}, "c": [], "d": {"e": {"f": []}}}}


def cases():
    for template in CHAT:
        for messages in (MESSAGES, MESSAGES[1:], MESSAGES[:1], CALLS):
            for prompt in (True, False):
                yield template, {"messages": messages, "add_generation_prompt": prompt, "tools": TOOLS,
                                 "bos_token": "<s>", "eos_token": "</s>"}
    for template in SMALL[1:].split("---\n"):
        yield template, VARS
    yield "line\r\nother\rthird\n", {}
    yield "{% if true -%}\r\n  x\r\n{%- endif %}\n\n", {}
    yield "", {}


def main():
    env = environment()
    for template, variables in cases():
        try:
            expected = env.from_string(template).render(**variables)
        except (jinja2.exceptions.TemplateError, TypeError, ValueError, ZeroDivisionError, AttributeError):
            expected = None
        print(json.dumps({"template": template, "vars": variables, "expected": expected}, ensure_ascii=False))


main()
