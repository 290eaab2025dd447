package config

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits of a file. A whole one has some 250 tokens and is four deep.
const (
	maxFile   = 1 << 20
	maxTokens = 4096
	maxDepth  = 8
)

// newText splits a file into its lines.
func newText(name string, data []byte) *text {
	data = bytes.ReplaceAll(bytes.TrimPrefix(data, []byte("\ufeff")), []byte("\r\n"), []byte("\n"))
	return &text{name: name, dir: filepath.Dir(name), lines: strings.Split(string(data), "\n")}
}

// root returns the mapping that the file is, or nil if it says nothing.
func (t *text) root() (*ast.MappingNode, error) {
	if err := t.checkCharacters(); err != nil {
		return nil, err
	}
	tokens := lexer.Tokenize(strings.Join(t.lines, "\n"))
	if err := t.checkTokens(tokens); err != nil {
		return nil, err
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if e, ok := errors.AsType[yaml.Error](err); ok {
		return nil, t.faultAt(e.GetToken(), "", errors.New(e.GetMessage()))
	} else if err != nil {
		return nil, t.fault(1, 1, "", err)
	}
	for _, doc := range file.Docs {
		switch body := doc.Body.(type) {
		case nil:
		case *ast.MappingNode:
			return body, nil
		default:
			return nil, t.faultAt(body.GetToken(), "", errors.New("want keys and values, such as device: {name: Clock}"))
		}
	}
	return nil, nil
}

// faultAt returns an error about a token.
func (t *text) faultAt(tk *token.Token, key string, err error) *Error {
	if tk == nil || tk.Position == nil {
		return t.fault(1, 1, key, err)
	}
	return t.fault(tk.Position.Line, tk.Position.Column, key, err)
}

// checkCharacters finds what is no text, and tabs where they would be taken for
// something else.
func (t *text) checkCharacters() error {
	for i, line := range t.lines {
		if !utf8.ValidString(line) {
			return t.fault(i+1, 1, "", errors.New("want UTF-8"))
		}
		indented := true
		for column, r := range []rune(line) {
			switch {
			case r == '\t' && indented:
				return t.fault(i+1, column+1, "", errors.New("a tab: indent with spaces"))
			case r < ' ' && r != '\t' || r == 0x7F:
				return t.fault(i+1, column+1, "", fmt.Errorf("character %U: want text", r))
			}
			indented = indented && r == ' '
		}
	}
	return nil
}

// tooMuch is what YAML has and a configuration does not need. Without aliases a
// small file is never a large document.
var tooMuch = map[token.Type]string{
	token.AnchorType:     "an anchor",
	token.AliasType:      "an alias",
	token.MergeKeyType:   "a merge key",
	token.TagType:        "a tag",
	token.DirectiveType:  "a directive",
	token.MappingKeyType: "an explicit key",
	token.LiteralType:    "a block of text",
	token.FoldedType:     "a block of text",
}

// checkTokens bounds what the parser, which recurses, is given, to one document.
func (t *text) checkTokens(tokens token.Tokens) error {
	count, depth, line, entries, ended := 0, 0, 0, 0, false
	for _, tk := range tokens {
		if tk.Type == token.CommentType {
			continue
		}
		if what := tooMuch[tk.Type]; what != "" {
			return t.faultAt(tk, "", fmt.Errorf("%s: want plain keys and values", what))
		}
		if ended || tk.Type == token.DocumentHeaderType && count > 0 {
			return t.faultAt(tk, "", errors.New("a second document: want one"))
		}
		if tk.Position.Line != line {
			line, entries = tk.Position.Line, 0
		}
		switch tk.Type {
		case token.DocumentEndType:
			ended = true
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.SequenceEntryType:
			entries++
		}
		if count++; count > maxTokens || depth > maxDepth || entries > 1 {
			return t.faultAt(tk, "", errors.New("too much or too deep for a configuration"))
		}
	}
	return nil
}
