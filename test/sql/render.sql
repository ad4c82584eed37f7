-- Rendering: values are escaped for their place, missing ones are named, limits hold after rendering.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS linecrm CASCADE;
CREATE EXTENSION linecrm;
RESET client_min_messages;

CREATE FUNCTION pg_temp.shown(messages jsonb, vars jsonb) RETURNS text LANGUAGE sql AS
	$$ SELECT coalesce(convert_from(linecrm_internal._render(messages, vars), 'UTF8'), linecrm_internal._render_problem(messages, vars)::text) $$;

-- fixed order of keys, no spaces, JSON escapes
SELECT pg_temp.shown(linecrm.text_message('Hello {{name}}, 東京😀'), '{"name": "田中 \"太郎\" \\ \n\t\u0001"}');
SELECT pg_temp.shown(linecrm.text_message('Hello {{name}}'), '{"name": "x"}')::jsonb;
-- numbers, booleans, objects, NULL
SELECT pg_temp.shown(linecrm.text_message('{{n}} {{b}} {{o}} {{a}}'), '{"n": 1200.50, "b": true, "o": {"x": 1}, "a": [1, "y"]}');
SELECT pg_temp.shown(linecrm.text_message('{{n}}'), '{"n": null}');
SELECT pg_temp.shown(linecrm.text_message('{{n}}'), '{}');
SELECT pg_temp.shown(linecrm.text_message('{{n}}'), NULL);
-- defaults; a name may have spaces around it and be Japanese; a value is not a template again
SELECT pg_temp.shown(linecrm.text_message('{{ お名前 |お客様}}へ {{x|}}.{{y|a|b}}'), '{"お名前": null}');
SELECT pg_temp.shown(linecrm.text_message('{{ お名前 |お客様}}へ'), '{"お名前": "{{secret}}"}');
-- what is no variable stays text
SELECT pg_temp.shown(linecrm.text_message('{{}} {{ }} {{|x}} {name} {{a{b}} {{a}b}} {{x'), '{"a": 1}');
SELECT pg_temp.shown(linecrm.text_message('{{{n}}}'), '{"n": 5}');
-- the same variable twice, adjacent ones, at both ends
SELECT pg_temp.shown(linecrm.text_message('{{a}}{{b}}-{{a}}'), '{"a": "1", "b": "2"}');
-- in URLs values are percent-encoded; a value that begins a URL is one
SELECT pg_temp.shown('[{"type":"image","originalContentUrl":"https://e.com/{{f}}.jpg?q={{q}}","previewImageUrl":"{{u}}"}]',
	'{"f": "a b/c", "q": "日本&x=1#", "u": "https://e.com/p?x=1&y=日 \""}');
-- a URL that is none after rendering
SELECT pg_temp.shown('[{"type":"image","originalContentUrl":"{{u}}","previewImageUrl":"https://e.com/p"}]', '{"u": "javascript:alert(1)"}');
-- textV2: braces doubled, or they would be placeholders
SELECT pg_temp.shown('[{"type":"textV2","text":"Hi {{name}}"}]', '{"name": "a{b}c"}');
SELECT pg_temp.shown('[{"type":"text","text":"Hi {{name}}"}]', '{"name": "a{b}c"}');
-- nested: template, flex, quick reply
SELECT pg_temp.shown(linecrm.button_message('{{q}}', 'はい', 'いいえ'), '{"q": "来ますか"}');
-- limits after rendering: 5,000 UTF-16 units, an emoji counts two; empty text
SELECT length(linecrm_internal._render(linecrm.text_message('{{t}}!'), jsonb_build_object('t', repeat('a', 4999))));
SELECT linecrm_internal._render_problem(linecrm.text_message('{{t}}!'), jsonb_build_object('t', repeat('a', 5000)));
SELECT linecrm_internal._render_problem(linecrm.text_message('{{t}}'), jsonb_build_object('t', repeat('😀', 2500)));
SELECT linecrm_internal._render_problem(linecrm.text_message('{{t}}'), jsonb_build_object('t', repeat('😀', 2501)));
SELECT linecrm_internal._render_problem(linecrm.text_message('{{t}}'), '{"t": ""}');
SELECT linecrm_internal._render_problem(linecrm.button_message('Q', '{{l}}'), jsonb_build_object('l', repeat('x', 20)));
SELECT linecrm_internal._render_problem(linecrm.button_message('Q', '{{l}}'), jsonb_build_object('l', repeat('x', 21)));
-- names of variables
SELECT linecrm_internal._template_variables(linecrm.text_message('{{b}} {{a|x}} {{b|y}} {{c|}}'), false);
SELECT linecrm_internal._template_variables(linecrm.text_message('{{b}} {{a|x}} {{b|y}} {{c|}}'), true);
SELECT linecrm_internal._template_variables('[]', false);
-- the template may change from row to row
SELECT n, pg_temp.shown(linecrm.text_message(n || ' {{v}}'), jsonb_build_object('v', n * 2)) FROM generate_series(1, 3) AS n;
-- rendered bytes are JSON, whatever the value
SELECT count(*) FROM (
	SELECT (convert_from(linecrm_internal._render(linecrm.text_message('<{{v}}>'), jsonb_build_object('v', chr(c) || 'x')), 'UTF8')::jsonb
		#>> '{messages,0,text}') = '<' || chr(c) || 'x>' AS same
	FROM generate_series(1, 3000) AS c) AS s WHERE NOT same;
-- the number of the delivery is filled in before anything else
SELECT linecrm_internal._bind_delivery(linecrm.button_message('Q', 'yes'), 12);
