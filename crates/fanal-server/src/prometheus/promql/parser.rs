//! From the words of a query to its tree. What Prometheus knows and this does not is refused by its name.

use super::lexer::{Token, bad, split};
use super::{
    Aggregate, DEPTH_MAX, Expression, Leaf, Matcher, Operator, Over, PromqlError, QUERY_BYTES_MAX,
    Query, Selector, Test,
};
use fanal_storage::Pattern;

/// The label of a metric's name.
const NAME: &str = "__name__";

type Parsed<T> = Result<T, PromqlError>;

/// Reads a query.
pub(in crate::prometheus) fn parse(query: &str) -> Parsed<Query> {
    let mut parser = Parser::new(query)?;
    let root = parser.or()?;
    parser.end()?;
    Ok(Query { root, leaves: parser.leaves })
}

/// Reads a selector alone.
pub(in crate::prometheus) fn parse_selector(text: &str) -> Parsed<Selector> {
    let query = parse(text)?;
    match (query.root, query.leaves.into_iter().next()) {
        (Expression::Leaf(_), Some(Leaf { selector, over: None })) => Ok(selector),
        _ => Err(PromqlError::Bad(
            "not a selector; write one such as up{job=\"a\"} and nothing else".to_owned(),
        )),
    }
}

struct Parser {
    words: Vec<(usize, Token)>,
    place: usize,
    length: usize,
    depth: usize,
    leaves: Vec<Leaf>,
}

impl Parser {
    fn new(query: &str) -> Parsed<Self> {
        let length = query.len();
        if length > QUERY_BYTES_MAX {
            return Err(PromqlError::Bad(format!(
                "query has {length} bytes, at most {QUERY_BYTES_MAX} are read; shorten it"
            )));
        }
        let words = split(query)?;
        Ok(Self { words, place: 0, length, depth: 0, leaves: Vec::new() })
    }

    fn at(&self) -> usize {
        self.words.get(self.place).map_or(self.length, |(at, _)| *at)
    }

    fn peek(&self) -> Option<&Token> {
        self.words.get(self.place).map(|(_, token)| token)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.place += 1;
        token
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Sign(next)) if *next == sign);
        self.place += usize::from(is_next);
        is_next
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_next =
            matches!(self.peek(), Some(Token::Name(next)) if next.eq_ignore_ascii_case(word));
        self.place += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, sign: &str) -> Parsed<()> {
        if self.takes(sign) { Ok(()) } else { Err(bad(self.at(), format!("expected `{sign}`"))) }
    }

    fn end(&self) -> Parsed<()> {
        let refuse = |what: String| Err(bad(self.at(), what));
        match self.peek() {
            None => Ok(()),
            Some(Token::Sign("==" | "!=" | ">" | "<")) => {
                refuse("comparisons are not answered here".to_owned())
            }
            Some(Token::Name(word)) => refuse(format!("`{word}` is not answered here")),
            Some(Token::Range(_)) => {
                refuse("a range stands behind a selector in rate() or increase() only".to_owned())
            }
            Some(_) => refuse("the query should end here".to_owned()),
        }
    }

    fn or(&mut self) -> Parsed<Expression> {
        let mut left = self.sum()?;
        while self.takes_word("or") {
            left = Expression::Or { left: Box::new(left), right: Box::new(self.sum()?) };
        }
        Ok(left)
    }

    fn sum(&mut self) -> Parsed<Expression> {
        let signs = [("+", Operator::Add), ("-", Operator::Subtract)];
        self.chain(&signs, Self::product)
    }

    fn product(&mut self) -> Parsed<Expression> {
        let signs = [("*", Operator::Multiply), ("/", Operator::Divide)];
        self.chain(&signs, Self::unary)
    }

    fn chain(
        &mut self,
        signs: &[(&str, Operator)],
        operand: fn(&mut Self) -> Parsed<Expression>,
    ) -> Parsed<Expression> {
        let mut left = operand(self)?;
        while let Some((_, operator)) = signs.iter().find(|(sign, _)| self.takes(sign)) {
            for word in ["on", "ignoring", "bool"] {
                if matches!(self.peek(), Some(Token::Name(next)) if next == word) {
                    return Err(bad(self.at(), format!("`{word}` is not answered here")));
                }
            }
            let right = Box::new(operand(self)?);
            left = Expression::Arithmetic { operator: *operator, left: Box::new(left), right };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed<Expression> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let what = format!("more than {DEPTH_MAX} levels within each other");
            return Err(bad(self.at(), what));
        }
        let expression = if self.takes("-") {
            let right = Box::new(self.unary()?);
            let left = Box::new(Expression::Number(-1.0));
            Expression::Arithmetic { operator: Operator::Multiply, left, right }
        } else if self.takes("+") {
            self.unary()?
        } else {
            self.primary()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn primary(&mut self) -> Parsed<Expression> {
        let at = self.at();
        if matches!(self.peek(), Some(Token::Sign("{"))) {
            let selector = self.selector(None)?;
            return Ok(self.leaf(selector, None));
        }
        match self.next() {
            Some(Token::Number(number)) => Ok(Expression::Number(number)),
            Some(Token::Sign("(")) => {
                let inside = self.or()?;
                self.expect(")")?;
                Ok(inside)
            }
            Some(Token::Name(name)) => self.named(name, at),
            Some(Token::Text(_)) => Err(bad(at, "a text alone is not answered here")),
            Some(_) => Err(bad(at, "expected a selector, a function or a number")),
            None => Err(bad(at, "the query ends too early")),
        }
    }

    fn named(&mut self, name: String, at: usize) -> Parsed<Expression> {
        let lower = name.to_ascii_lowercase();
        let is_called = matches!(self.peek(), Some(Token::Sign("(")));
        let is_grouped = matches!(self.peek(), Some(Token::Name(next)) if is_grouping(next));
        match &*lower {
            "rate" | "increase" if is_called => self.over(lower == "rate"),
            "histogram_quantile" if is_called => {
                let [quantile, of] = self.arguments()?;
                Ok(Expression::HistogramQuantile { quantile, of })
            }
            "topk" if is_called || is_grouped => {
                let (by, [count, of]) = self.grouped(Self::arguments)?;
                Ok(Expression::TopK { count, by, of })
            }
            _ if is_called || is_grouped => {
                let aggregate = match &*lower {
                    "sum" => Aggregate::Sum,
                    "group" => Aggregate::Group,
                    "count" => Aggregate::Count,
                    "min" => Aggregate::Min,
                    "max" => Aggregate::Max,
                    "avg" => Aggregate::Average,
                    _ => return Err(bad(at, format!("function `{name}` is not answered here"))),
                };
                let (by, [of]) = self.grouped(Self::arguments)?;
                Ok(Expression::Aggregate { aggregate, by, of })
            }
            "inf" => Ok(Expression::Number(f64::INFINITY)),
            "nan" => Ok(Expression::Number(f64::NAN)),
            _ => {
                let selector = self.selector(Some(name))?;
                Ok(self.leaf(selector, None))
            }
        }
    }

    /// The arguments of a function.
    fn arguments<const N: usize>(&mut self) -> Parsed<[Box<Expression>; N]> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        loop {
            arguments.push(Box::new(self.or()?));
            if !self.takes(",") {
                break;
            }
        }
        self.expect(")")?;
        let count = arguments.len();
        arguments.try_into().map_err(|_| {
            bad(self.at(), format!("the function has {count} arguments, it takes {N}"))
        })
    }

    /// Labels of `by`, which may stand on either side of the arguments.
    fn grouped<T>(&mut self, arguments: fn(&mut Self) -> Parsed<T>) -> Parsed<(Vec<String>, T)> {
        let before = self.by()?;
        let arguments = arguments(self)?;
        let by = match before {
            Some(by) => by,
            None => self.by()?.unwrap_or_default(),
        };
        Ok((by, arguments))
    }

    fn by(&mut self) -> Parsed<Option<Vec<String>>> {
        let at = self.at();
        if self.takes_word("without") {
            return Err(bad(at, "`without` is not answered here; name the labels with by"));
        }
        if !self.takes_word("by") {
            return Ok(None);
        }
        self.expect("(")?;
        let mut labels = Vec::new();
        while !self.takes(")") {
            let at = self.at();
            match self.next() {
                Some(Token::Name(label)) => labels.push(label),
                _ => return Err(bad(at, "expected the name of a label")),
            }
            if !self.takes(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(Some(labels))
    }

    /// The argument of `rate` or `increase`.
    fn over(&mut self, is_rate: bool) -> Parsed<Expression> {
        self.expect("(")?;
        let name = match self.peek() {
            Some(Token::Name(name)) => Some(name.clone()),
            _ => None,
        };
        self.place += usize::from(name.is_some());
        let selector = self.selector(name)?;
        let at = self.at();
        let Some(Token::Range(range_nanos)) = self.next() else {
            return Err(bad(at, "expected a range such as [5m]"));
        };
        if let Some(Token::Name(word)) = self.peek() {
            return Err(bad(self.at(), format!("`{word}` is not answered here")));
        }
        self.expect(")")?;
        Ok(self.leaf(selector, Some(Over { is_rate, range_nanos })))
    }

    fn leaf(&mut self, selector: Selector, over: Option<Over>) -> Expression {
        self.leaves.push(Leaf { selector, over });
        Expression::Leaf(self.leaves.len() - 1)
    }

    /// The matchers behind a name, or without one.
    fn selector(&mut self, name: Option<String>) -> Parsed<Selector> {
        let at = self.at();
        let equals = |name| Matcher { label: NAME.to_owned(), test: Test::Equals(name) };
        let mut matchers: Vec<Matcher> = name.map(equals).into_iter().collect();
        if self.takes("{") {
            while !self.takes("}") {
                matchers.push(self.matcher()?);
                if !self.takes(",") {
                    self.expect("}")?;
                    break;
                }
            }
        }
        // One that every series passes would select everything there is.
        if matchers.iter().all(|matcher| matcher.passes("")) {
            return Err(bad(at, "the selector selects everything; name a metric or a value"));
        }
        Ok(Selector { matchers })
    }

    fn matcher(&mut self) -> Parsed<Matcher> {
        let at = self.at();
        let Some(Token::Name(label) | Token::Text(label)) = self.next() else {
            return Err(bad(at, "expected the name of a label"));
        };
        let at = self.at();
        let Some(Token::Sign(sign @ ("=" | "!=" | "=~" | "!~"))) = self.next() else {
            return Err(bad(at, "expected =, !=, =~ or !~"));
        };
        let at = self.at();
        let Some(Token::Text(text)) = self.next() else {
            return Err(bad(at, "expected a text in quotes"));
        };
        let pattern = |text: &str| Pattern::new(text).map_err(|error| bad(at, error));
        let test = match sign {
            "=" => Test::Equals(text),
            "!=" => Test::EqualsNot(text),
            "=~" => Test::Matches(pattern(&text)?),
            _ => Test::MatchesNot(pattern(&text)?),
        };
        Ok(Matcher { label, test })
    }
}

fn is_grouping(word: &str) -> bool {
    ["by", "without"].iter().any(|it| word.eq_ignore_ascii_case(it))
}
