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

# --- Templates in the manner of the families, with what each of them asks of the language.

CHANNELS = """{%- macro kind(spec, required, nullable=false) -%}
    {%- if spec.type == "array" -%}
        {%- if spec['items'] -%}
            {%- if spec['items']['type'] == "string" -%}{{- "string[]" }}{%- else -%}{{- kind(spec['items'], required) + "[]" }}{%- endif -%}
            {%- if spec.nullable %}{{- " | null" }}{%- endif -%}
        {%- else -%}{{- "any[]" }}{%- endif -%}
    {%- elif spec.type is defined and spec.type is iterable and spec.type is not string and spec.type is not mapping and spec.type[0] is defined -%}
        {%- if spec.type | length > 1 -%}{{- spec.type | join(" | ") }}{%- else -%}{{- spec.type[0] }}{%- endif -%}
    {%- elif spec.oneOf -%}
        {%- for variant in spec.oneOf -%}
            {{- kind(variant, required) -}}
            {%- if variant.description %}{{- "// " + variant.description }}{%- endif -%}
            {%- if not loop.last %}{{- " | " }}{%- endif -%}
        {%- endfor -%}
    {%- elif spec.type == "string" -%}
        {%- if spec.enum -%}{{- '"' + spec.enum|join('" | "') + '"' -}}{%- else -%}{{- "string" }}{%- if nullable %}{{- " | null" }}{%- endif -%}{%- endif -%}
    {%- elif spec.type == "object" -%}
        {%- if spec.properties -%}
            {{- "{\\n" }}
            {%- for name, part in spec.properties.items() -%}
                {{- name -}}
                {%- if name not in (spec.required or []) -%}{{- "?" }}{%- endif -%}
                {{- ": " }}{{ kind(part, spec.required or []) }}
                {%- if not loop.last -%}{{- ", " }}{%- endif -%}
            {%- endfor -%}
            {{- "}" }}
        {%- else -%}{{- "object" }}{%- endif -%}
    {%- else -%}{{- spec.type or "any" }}{%- endif -%}
{%- endmacro -%}
{%- macro system_text() -%}
    {%- if identity is not defined %}{%- set identity = "You are a test." %}{%- endif -%}
    {{- identity + "\\n" }}
    {{- "Current date: " + strftime_now("%Y-%m-%d") + "\\n\\n" }}
    {%- if reasoning_effort is not defined %}{%- set reasoning_effort = "medium" %}{%- endif %}
    {{- "Reasoning: " + reasoning_effort + "\\n\\n# Valid channels: analysis, commentary, final." }}
    {%- if tools -%}{{- "\\nCalls go to 'functions'." }}{%- endif -%}
{%- endmacro -%}
{{- "<|start|>system<|message|>" }}{{- system_text() }}{{- "<|end|>" }}
{%- if messages[0].role == "developer" or messages[0].role == "system" %}
    {%- set instructions = messages[0].content %}{%- set rest = messages[1:] %}
{%- else %}{%- set instructions = "" %}{%- set rest = messages %}{%- endif %}
{%- if instructions or tools %}
    {{- "<|start|>developer<|message|>" }}
    {%- if instructions %}{{- "# Instructions\\n\\n" + instructions + "\\n\\n" }}{%- endif %}
    {%- for tool in tools or [] %}
        {%- set tool = tool.function %}
        {{- "// " + tool.description + "\\ntype " + tool.name + " = " }}
        {%- if tool.parameters and tool.parameters.properties %}
            {{- "(_: {\\n" }}
            {%- for name, part in tool.parameters.properties.items() %}
                {%- if part.description %}{{- "// " + part.description + "\\n" }}{%- endif %}
                {{- name }}{%- if name not in (tool.parameters.required or []) %}{{- "?" }}{%- endif %}{{- ": " }}
                {{- kind(part, tool.parameters.required or []) }}
                {%- if part.default is defined -%}
                    {%- if part.enum %}{{- ", // default: " + part.default }}{%- else %}{{- ", // default: " + part.default|tojson }}{%- endif %}
                {%- endif -%}
                {%- if not loop.last %}{{- ",\\n" }}{%- else %}{{- ",\\n" }}{%- endif -%}
            {%- endfor %}
            {{- "}) => any;\\n\\n" }}
        {%- else %}{{- "() => any;\\n\\n" }}{%- endif %}
    {%- endfor %}
    {{- "<|end|>" }}
{%- endif %}
{%- set last_call = namespace(name=none) %}
{%- for message in rest -%}
    {%- if message.role == 'assistant' -%}
        {%- if "content" in message and message.content is string %}
            {%- if "<|channel|>analysis<|message|>" in message.content %}{{- raise_exception("channels belong elsewhere") }}{%- endif %}
        {%- endif %}
        {%- if "tool_calls" in message %}
            {%- set future = namespace(found=false) %}
            {%- for later in rest[loop.index:] %}
                {%- if later.role == 'assistant' and "tool_calls" not in later %}{%- set future.found = true %}{%- endif %}
            {%- endfor %}
            {%- set call = message.tool_calls[0] %}{%- if call.function %}{%- set call = call.function %}{%- endif %}
            {%- if not future.found %}{{- "(open)" }}{%- endif %}
            {{- "<|start|>assistant to=functions." + call.name + "<|channel|>commentary " }}
            {{- (call.content_type if call.content_type is defined else "json") + "<|message|>" }}{{- call.arguments|tojson }}{{- "<|call|>" }}
            {%- set last_call.name = call.name %}
        {%- elif loop.last and not add_generation_prompt %}{{- "<|start|>assistant<|channel|>final<|message|>" + message.content + "<|return|>" }}
        {%- else %}{{- "<|start|>assistant<|channel|>final<|message|>" + message.content + "<|end|>" }}
            {%- set last_call.name = none %}
        {%- endif %}
    {%- elif message.role == 'tool' -%}
        {%- if last_call.name is none %}{{- raise_exception("a result without a call") }}{%- endif %}
        {{- "<|start|>functions." + last_call.name + " to=assistant<|channel|>commentary<|message|>" + message.content|tojson + "<|end|>" }}
    {%- elif message.role == 'user' -%}{{- "<|start|>user<|message|>" + message.content + "<|end|>" }}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}<|start|>assistant{%- endif -%}"""
BRACKETS = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- if not tools is defined %}{%- set tools = none %}{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or message.role == "tool_results" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}{{- raise_exception("roles must alternate") }}{%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[AVAILABLE_TOOLS] [" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}{{- '"' + key + '": "' + val + '"' }}
                    {%- else %}{{- '"' + key + '": ' + val|tojson }}{%- endif %}
                    {%- if not loop.last %}{{- ", " }}{%- endif %}
                {%- endfor %}
                {{- "}}" }}
                {%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" }}{%- endif %}
            {%- endfor %}
            {{- "[/AVAILABLE_TOOLS]" }}
        {%- endif %}
        {%- if loop.last and system_message is defined %}{{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}{{- "[INST] " + message["content"] + "[/INST]" }}{%- endif %}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[TOOL_CALLS] [" }}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function|tojson %}
            {{- out[:-1] }}
            {%- if not tool_call.id is defined or tool_call.id|length != 2 %}{{- raise_exception("ids have two characters") }}{%- endif %}
            {{- ', "id": "' + tool_call.id + '"}' }}
            {%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" + eos_token }}{%- endif %}
        {%- endfor %}
    {%- elif message["role"] == "assistant" %}{{- " " + message["content"]|trim + eos_token }}
    {%- elif message["role"] == "tool_results" or message["role"] == "tool" %}
        {%- if message.content is defined and message.content.content is defined %}{%- set content = message.content.content %}{%- else %}{%- set content = message.content %}{%- endif %}
        {{- '[TOOL_RESULTS] {"content": ' + content|string + ", " + '"call_id": "' + message.tool_call_id + '"}[/TOOL_RESULTS]' }}
    {%- else %}{{- raise_exception("unknown role") }}{%- endif %}
{%- endfor %}"""
PYTHON_TAG = """{{- bos_token }}
{%- if custom_tools is defined %}{%- set tools = custom_tools %}{%- endif %}
{%- if not tools_in_user_message is defined %}{%- set tools_in_user_message = true %}{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}{%- set date_string = strftime_now("%d %b %Y") %}{%- else %}{%- set date_string = "26 Jul 2024" %}{%- endif %}
{%- endif %}
{%- if not tools is defined %}{%- set tools = none %}{%- endif %}
{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content']|trim %}{%- set messages = messages[1:] %}{%- else %}{%- set system_message = "" %}{%- endif %}
{{- "<|h|>system<|/h|>\\n\\n" }}
{%- if tools is not none %}{{- "Environment: ipython\\n" }}{%- endif %}
{{- "Today Date: " + date_string + "\\n\\n" }}{{- system_message }}{{- "<|eot|>" }}
{%- if tools_in_user_message and not tools is none %}
    {%- if messages | length != 0 %}{%- set first = messages[0]['content']|trim %}{%- set messages = messages[1:] %}
    {%- else %}{{- raise_exception("there is no first message") }}{%- endif %}
    {{- '<|h|>user<|/h|>\\n\\n' -}}
    {{- 'Respond in the format {"name": function name, "parameters": dictionary}. ' }}
    {%- for t in tools %}{{- t | tojson(indent=4) }}{{- "\\n\\n" }}{%- endfor %}
    {{- first + "<|eot|>"}}
{%- endif %}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|h|>' + message['role'] + '<|/h|>\\n\\n'+ message['content'] | trim + '<|eot|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}{{- raise_exception("one call at a time") }}{%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {%- if builtin_tools is defined and tool_call.name in builtin_tools %}
            {{- "<|python_tag|>" + tool_call.name + ".call(" }}
            {%- for arg_name, arg_val in tool_call.arguments | items %}{{- arg_name + '="' ~ arg_val ~ '"' }}{%- if not loop.last %}{{- ", " }}{%- endif %}{%- endfor %}
            {{- ")" }}
        {%- else %}
            {{- '{"name": "' + tool_call.name + '", ' }}{{- '"parameters": ' }}{{- tool_call.arguments | tojson }}{{- "}" }}
        {%- endif %}
        {{- "<|eot|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|h|>ipython<|/h|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}{{- message.content | tojson }}{%- else %}{{- message.content }}{%- endif %}
        {{- "<|eot|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|h|>assistant<|/h|>\\n\\n' }}{%- endif %}"""
PYTHON_TYPES = """{%- macro python_type(spec) %}
{%- set basic = {"string": "str", "number": "float", "integer": "int", "boolean": "bool"} %}
{%- if basic[spec.type] is defined %}{{- basic[spec.type] }}
{%- elif spec.type == "array" %}{{- "list[" + python_type(spec|items) + "]" }}
{%- elif spec.type == "object" %}{%- if spec.additionalProperties is defined %}{{- "dict[str, " + python_type(spec.additionalProperties) + ']' }}{%- else %}{{- "dict" }}{%- endif %}
{%- elif spec.type is iterable and spec.type is not string %}{{- "Union[" }}{%- for t in spec.type %}{{- python_type({"type": t}) }}{%- if not loop.last %}{{- "," }}{%- endif %}{%- endfor %}{{- "]" }}
{%- else %}{{- "Any" }}{%- endif %}
{%- endmacro %}
{{- bos_token }}{{- "<|im_start|>system\\n<tools> " }}
{%- for tool in tools %}
    {%- if tool.function is defined %}{%- set tool = tool.function %}{%- endif %}
    {{- '{"type": "function", "function": ' }}{{- '{"name": "' + tool.name + '", ' }}
    {{- '"description": "' + tool.name + '(' }}
    {%- for name, fields in tool.parameters.properties|items %}
        {{- name + ": " + python_type(fields) }}{%- if not loop.last %}{{- ", " }}{%- endif %}
    {%- endfor %}
    {{- ")" }}{%- if tool.return is defined %}{{- " -> " + python_type(tool.return) }}{%- endif %}
    {{- " - " + tool.description + "\\n\\n" }}
    {%- for name, fields in tool.parameters.properties|items %}
        {%- if loop.first %}{{- "    Args:\\n" }}{%- endif %}
        {{- "        " + name + "(" + python_type(fields) + "): " + (fields.description|default('-'))|trim }}
    {%- endfor %}
    {{- '", "parameters": ' }}
    {%- if tool.parameters.properties | length == 0 %}{{- "{}" }}{%- else %}{{- tool.parameters|tojson }}{%- endif %}
    {{- "}" }}{%- if not loop.last %}{{- "\\n" }}{%- endif %}
{%- endfor %}
{{- " </tools><|im_end|>\\n" }}
{%- for message in messages %}
    {%- if message.role == "user" or message.role == "system" or (message.role == "assistant" and message.tool_calls is not defined) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- for tool_call in message.tool_calls %}
            {{- '\\n<tool_call>\\n' }}{%- if tool_call.function is defined %}{%- set tool_call = tool_call.function %}{%- endif %}
            {{- '{' }}{{- '"name": "' }}{{- tool_call.name }}{{- '"' }}
            {%- if tool_call.arguments is defined %}{{- ', ' }}{{- '"arguments": ' }}{{- tool_call.arguments|tojson }}{%- endif %}
            {{- '}' }}{{- '\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.previtem and loop.previtem.role != "tool" %}{{- '<|im_start|>tool\\n' }}{%- endif %}
        {{- '<tool_response>\\n' }}{{- message.content }}{%- if not loop.last %}{{- '\\n</tool_response>\\n' }}{%- else %}{{- '\\n</tool_response>' }}{%- endif %}
        {%- if not loop.last and loop.nextitem.role != "tool" %}{{- '<|im_end|>' }}{%- elif loop.last %}{{- '<|im_end|>' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""
TURNS = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}{%- set first_user_prefix = messages[0]['content'] + '\n\n' -%}
    {%- else -%}{%- set first_user_prefix = messages[0]['content'][0]['text'] + '\n\n' -%}{%- endif -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}{%- set first_user_prefix = "" -%}{%- set loop_messages = messages -%}{%- endif -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'assistant') -%}{%- set role = "model" -%}{%- else -%}{%- set role = message['role'] -%}{%- endif -%}
    {{ '<start_of_turn>' + role + '\n' + (first_user_prefix if loop.first else "") }}
    {%- if message['content'] is string -%}{{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}{%- if item['type'] == 'text' -%}{{ item['text'] | trim }}{%- endif -%}{%- endfor -%}
    {%- else -%}{{ raise_exception("content of an unknown type") }}{%- endif -%}
    {{ '<end_of_turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{'<start_of_turn>model\n'}}{%- endif -%}"""
SPLIT = """{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}
{% set ns = namespace(is_first=false, is_tool=false, is_output_first=true, system_prompt='') %}
{%- for message in messages %}{%- if message['role'] == 'system' %}{% set ns.system_prompt = message['content'] %}{%- endif %}{%- endfor %}
{{ bos_token }}{{ ns.system_prompt }}
{%- for message in messages %}
{%- if message['role'] == 'user' %}{%- set ns.is_tool = false -%}{{ '<User>' + message['content'] }}{%- endif %}
{%- if message['role'] == 'assistant' and message['content'] is none %}
{%- set ns.is_tool = false -%}
{%- for tool in message['tool_calls'] %}
{%- if not ns.is_first %}{{ '<Assistant><calls>' + tool['type'] + '<sep>' + tool['function']['name'] + '\\n' + '```json' + '\\n' + tool['function']['arguments']|tojson(separators=(',', ':')) + '\\n' + '```' }}{%- set ns.is_first = true -%}
{%- else %}{{ '\\n' + tool['function']['name'] }}{%- endif %}
{%- endfor %}{{ '</calls>' }}
{%- endif %}
{%- if message['role'] == 'assistant' and message['content'] is not none %}
{%- if ns.is_tool %}{{ '</outputs>' + message['content'] + eos_token }}{%- set ns.is_tool = false -%}
{%- else %}{% set content = message['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}{{ '<Assistant>' + content + eos_token }}{%- endif %}
{%- endif %}
{%- if message['role'] == 'tool' %}{%- set ns.is_tool = true -%}
{%- if ns.is_output_first %}{{ '<outputs>' + message['content'] }}{%- set ns.is_output_first = false %}{%- else %}{{ '\\n' + message['content'] }}{%- endif %}
{%- endif %}
{%- endfor -%}
{% if ns.is_tool %}{{ '</outputs>' }}{% endif %}{% if add_generation_prompt and not ns.is_tool %}{{ '<Assistant><think>\\n' }}{% endif %}"""
FAMILIES = [CHANNELS, BRACKETS, PYTHON_TAG, PYTHON_TYPES, TURNS, SPLIT]
RICH_TOOLS = TOOLS + [{"type": "function", "function": {"name": "book", "description": "Book \u00e9", "parameters": {
    "type": "object", "properties": {"when": {"type": ["string", "null"], "description": "day"}, "tags": {"type": "array",
        "items": {"type": "string"}, "nullable": True}, "kind": {"oneOf": [{"type": "string", "enum": ["a", "b"]},
        {"type": "integer", "description": "code"}]}, "size": {"type": "string", "enum": ["s", "l"], "default": "s"},
        "who": {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "number"}}, "required": ["name"]}},
    "required": ["when", "who"]}}}, {"type": "function", "function": {"name": "now", "description": "Time", "parameters":
    {"type": "object", "properties": {}}}}]
PARTS = [{"role": "user", "content": [{"type": "text", "text": " look "}, {"type": "image"}]}, {"role": "assistant", "content": "ok"}]

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
{{ v | tojson(separators=(',', ':'), ensure_ascii=false) }}{{ v.a | tojson(separators=[' ; ', '='], indent=1) }}
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
{{ strftime_now is defined }}{{ range is undefined }}{{ raise_exception is not defined }}{{ d.range is defined }}{{ [missing] | select('defined') | list | length }}
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
    for template in FAMILIES:
        for messages in (MESSAGES, MESSAGES[1:], CALLS, CALLS[:3], PARTS):
            for tools in (RICH_TOOLS, None):
                yield template, {"messages": messages, "add_generation_prompt": tools is None or len(messages) != 2,
                                 "tools": tools, "bos_token": "<s>", "eos_token": "</s>", "reasoning_effort": "high"}
    for template in SMALL[1:].split("---\n"):
        yield template, VARS
    for template in WIDER[1:].split("---\n"):
        yield template, VARS
    for number in (2**63 - 1, 2**63, -2**63, -2**63 - 1, 12345678901234567890123):
        yield "{{ n }} {{ n | tojson }} {{ [n] | tojson }} {{ {'a': n} }}", {"n": number}
        yield "{{ n | int }} {{ '%d' % n }} {{ n < 1 }} {{ n == n }}", {"n": number}
    yield "{{ [s] }}{{ s }}", {"s": "\x00\x7f\x80\x85\x9f\u00a0\u00ad\u00e9\u0301\u200d\u2028\u3000\u4e2d\ufeff\ue000\U0001f44d\U000e0001"}
    for lines in ("a\r\nb\rc\n", "a\r", "a\r\r", "\u2028a\x85\u00e9\vc\fd\x1ce", "\r\n\n\r", "\n", ""):
        yield "{{ s.splitlines() }}{{ s | indent(2) }}|{{ s | indent('-', true, true) }}|", {"s": lines}
    for quoted in ("'", '"', "'\"\\\n\t\r"):
        yield "{{ [s] }}", {"s": quoted}
    yield "line\r\nother\rthird\n", {}
    yield "{% if true -%}\r\n  x\r\n{%- endif %}\n\n", {}
    yield "", {}


WIDER = r"""
{{ [3, 1, 2] | min }}{{ [3, 1, 2] | max }}{{ ['b', 'A'] | min }}{{ ['b', 'B'] | max }}{{ ['b', 'B'] | min }}{{ ['b', 'B'] | min(case_sensitive=true) }}{{ [] | min is defined }}{{ [{'n': 2, 'm': 1}, {'n': 1, 'm': 2}] | min(attribute='n') }}
---
{{ [1, 2.5] | sum }}{{ [] | sum }}{{ [{'n': 2}, {'n': 1}] | sum(attribute='n') }}{{ [[1], [2]] | sum(start=[]) }}
---
{{ ['a'] | sum }}
---
{{ 'é😀\x7f<\x01' | tojson(ensure_ascii=true) }}{{ {'b': 1, 'a': {'d': 'ü', 'c': 3}} | tojson(sort_keys=true) }} {{ v | tojson(ensure_ascii=True, sort_keys=True, indent=1) }}
---
{{ none | selectattr('x') | list }}{{ none | map('upper') | list }}{{ 0 | select | list }}{{ false | reject('odd') | list }}{{ missing | map(attribute='a') | list }}
---
{{ 5 | select | list }}
---
{% filter upper %}a {{ d.b.c }} {% for x in l %}{{ x }}{% endfor %}{% endfilter %}|{% filter trim | replace('b', '-') %}  abc  {% endfilter %}|{% set t | trim | upper %}  x{{ 1 }} {% endset %}[{{ t }}]{% filter indent(2) %}p
{% set inner = 1 %}q{% endfilter %}{{ inner is defined }}
---
{% macro m(x) %}<{{ x }}:{{ caller() }}>{% endmacro %}{% set y = 'out' %}{% for i in [1, 2] %}{% call m(i) %}{{ i }}{{ y }}{% endcall %}{% endfor %}{% macro n() %}{% set z = caller() %}{% call m('n') %}{{ z }}!{% endcall %}{% endmacro %}{% call n() %}deep{% endcall %}
---
{% macro m() %}{{ caller() }}{% endmacro %}{% macro n() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{% call n() %}x{% endcall %}
---
{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}
---
{{ {1: 'a', 20: 'b', 3: 'c'} }}{{ {1: 'a'}[1] }}{{ {1: 'a'}.get(2, '-') }}{{ {'1': 'a'}[1] is defined }}{{ 2 in {2: 0} }}{{ '2' in {2: 0} }}{% for k, v in {512: 128, 0: 0, 1024: 256} | dictsort %}{{ k }}={{ v }} {% endfor %}{{ {3: {4: 5}} | tojson }}{{ {10: 1, 9: 2} | tojson(sort_keys=true) }}{{ {1: 2} == {1: 2} }}{{ {1: 2} == {'1': 2} }}{{ {1: 2, 1: 3} }}
---
{{ "it's a TEST-case x2y 中b".title() }}|{{ '<{}:{}>'.format(1, s) }}{{ '{1}{0}{{}}'.format('a', 'b') }}{{ '<{i:d}{k}>'.format(i=7, k='z') }}{{ '{}'.format(none) }}|{{ '%s-%d%%' | format(s, 5) }}{{ '%s' | format(1.5) }}{{ '%s' | format(l[:0]) }}{{ '<%s>' % s }}{{ '%s=%s' % (1, 'x') }}{{ '%s' % d.a }}
---
{{ '%d' % 9223372036854775807 }}{{ '%d' % (-9223372036854775807 - 1) }}{{ '%i' % -1.9 }}{{ '%d' % true }}
---
{{ '<%s>' | safe % '<' }}{{ ('<%s>' | safe) % '<' + '&' }}{{ ('%s' | safe) % ('<' | safe) }}{{ ('{}{k}<' | safe).format('<', k='>') + '<' }}
---
{% for x in [1, 2] %}{{ x }}{% filter upper %}a{% break %}{% endfilter %}{% endfor %}.
---
{{ {1: 'a'}[true] }}{{ true in {1: 2} }}{{ {0: 'b'}.get(false) }}{{ false in {1: 2} }}{{ {'1': 2}.get(true) }}
---
{{ ['a', 'bb'] | map('replace', 'b', 'c') | list }}{{ [1, none] | map('default', 'q', true) | list }}{{ [[1, 2]] | map('join', ', ') | list }}{{ [{'a': 1}] | map('tojson', indent=1) | list }}{{ ['xa'] | map('trim', chars='x') | list }}{{ [{'a': 1}] | map(attribute='b', default='-') | list }}
---
{{ ['no', 'yes'][true] }}{{ s[false] }}{{ s[l[0] == 1] }}|{{ true | abs }}{{ false | abs }}{{ -2.5 | abs }}|{{ 2.5 is even }}{{ 3.0 is odd }}{{ 4.5 is divisibleby 1.5 }}
---
{{ missing | dictsort }}
---
{% set k = 1 %}{% for x in [] %}{% else %}{% set k = 2 %}{% set y = 3 %}{{ k }}{% endfor %}{{ k }}{{ y }}
---
{{ -191808324359335360.0 % 7 }} {{ -191808324359335360.0 // 3 }} {{ 1e16 // 3 }} {{ 7.5 // -2 }} {{ 7.5 % -2 }} {{ -6.0 % 3 }} {{ 6.0 // -7 }} {{ 0.3 % 0.1 }} {{ 0.0 // -2 }}
---
{% set ns = namespace(x=1) %}{% set ns.x | upper %}a{{ l[1] }}{% endset %}{{ ns.x }}{% set ns.y %} b {% endset %}{{ ns.y }}{% for i in l %}{% set ns.x %}c{% break %}{% endset %}{% endfor %}{{ ns.x }}
---
{{ '{}{}'.format(1) }}
---
{{ '{x}'.format(y=1) }}
---
{{ '%s%s' | format(1) }}
---
{{ '%d' | format('x') }}
---
{{ '%s' % (1, 2) }}
---
{% if true %}{% raw %}{{ x }} {% if %}
{% endraw %}{% endif %}
  {% raw %}  a
  {% endraw %}
b{%- raw -%}  c {# d #}  {%- endraw -%}  e
{% raw %}{%+ endraw +%}
f
---
{{ '<a>' | safe + '<b> & "c" \'d\'' }}|{{ 'x&' + ('<y>' | safe) }}|{{ ('<a>' | safe) ~ '<b>' }}|{{ ('<a>' | safe) + ('<b>' | safe) + '<c>' }}|{{ ('<a>' | safe | trim) + '<' }}|{{ '<i>' | e }}{{ '<i>' | escape + '<' }}|{{ ('<a>' | safe) == '<a>' }}|{{ '<' | safe | e }}{{ ('<' | safe) in '<a' }}{{ ('a<' | safe).upper() }}
---
{{ true is sameas true }}{{ 1 is sameas true }}{{ none is sameas none }}{{ false is sameas(false) }}{{ 'AB' is upper }}{{ 'Ab' is upper }}{{ 'ab' is lower }}{{ '1' is lower }}
---
{% if false %}{{ x | urlize }}{{ x is callable }}{{ x.encode() }}{{ nothing(1) }}{% endif %}{% if true %}fine{% else %}{{ x | nope('a', b=1) }}{% endif %}
"""


def main():
    env = environment()
    for template, variables in cases():
        try:
            expected = env.from_string(template).render(**variables)
        except (jinja2.exceptions.TemplateError, TypeError, ValueError, ZeroDivisionError, AttributeError,
                LookupError):
            expected = None
        print(json.dumps({"template": template, "vars": variables, "expected": expected}, ensure_ascii=False))


main()
