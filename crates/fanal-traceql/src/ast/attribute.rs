//! What a query can read of a span: attributes of a level, and intrinsics.

/// The attribute of a resource that names its service.
pub const SERVICE_NAME: &str = "service.name";

/// What a query can read of a span.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attribute {
    /// A fixed field.
    Intrinsic(Intrinsic),
    /// An attribute by name.
    Named {
        /// Where it is looked for.
        scope: AttributeScope,
        /// Its name, not empty.
        name: String,
    },
}

/// Where an attribute is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttributeScope {
    /// `.x`: the span's value, else the resource's.
    Unscoped,
    /// `span.x`.
    Span,
    /// `resource.x`.
    Resource,
    /// `event.x`.
    Event,
    /// `link.x`.
    Link,
    /// `instrumentation.x`.
    Instrumentation,
    /// `parent.x`; in the grammar, refused by the check.
    Parent,
    /// `parent.span.x`; in the grammar, refused by the check.
    ParentSpan,
    /// `parent.resource.x`; in the grammar, refused by the check.
    ParentResource,
}

/// A fixed field of a span, its trace, an event, a link or the instrumentation scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Intrinsic {
    /// End minus start.
    Duration,
    /// Name of the span.
    Name,
    /// Status.
    Status,
    /// Text of the status.
    StatusMessage,
    /// Kind.
    Kind,
    /// Id of the span, hex.
    SpanId,
    /// Id of the parent, hex; zeros for a root.
    ParentId,
    /// Direct children in the trace.
    ChildCount,
    /// Latest end minus earliest start of the trace.
    TraceDuration,
    /// Name of the root span.
    RootName,
    /// Service of the root span.
    RootServiceName,
    /// Id of the trace, hex.
    TraceId,
    /// Number of the span when the tree is entered.
    NestedSetLeft,
    /// Number of the span when the tree is left.
    NestedSetRight,
    /// The parent's left; -1 for a root.
    NestedSetParent,
    /// Name of the event.
    EventName,
    /// Time of the event minus start of the span.
    EventTimeSinceStart,
    /// Trace that the link leads to.
    LinkTraceId,
    /// Span that the link leads to.
    LinkSpanId,
    /// Name of the instrumentation scope.
    InstrumentationName,
    /// Version of the instrumentation scope.
    InstrumentationVersion,
    /// `parent`; in the grammar, refused by the check.
    Parent,
}

impl AttributeScope {
    /// Scopes as a query begins them.
    pub const ALL: [Self; 9] = [
        Self::Unscoped,
        Self::Span,
        Self::Resource,
        Self::Event,
        Self::Link,
        Self::Instrumentation,
        Self::ParentSpan,
        Self::ParentResource,
        Self::Parent,
    ];

    /// What stands before the name.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Unscoped => ".",
            Self::Span => "span.",
            Self::Resource => "resource.",
            Self::Event => "event.",
            Self::Link => "link.",
            Self::Instrumentation => "instrumentation.",
            Self::Parent => "parent.",
            Self::ParentSpan => "parent.span.",
            Self::ParentResource => "parent.resource.",
        }
    }

    /// Whether it is refused.
    pub fn is_parent(self) -> bool {
        matches!(self, Self::Parent | Self::ParentSpan | Self::ParentResource)
    }
}

impl Intrinsic {
    /// Every intrinsic.
    pub const ALL: [Self; 22] = [
        Self::Duration,
        Self::Name,
        Self::Status,
        Self::StatusMessage,
        Self::Kind,
        Self::SpanId,
        Self::ParentId,
        Self::ChildCount,
        Self::TraceDuration,
        Self::RootName,
        Self::RootServiceName,
        Self::TraceId,
        Self::NestedSetLeft,
        Self::NestedSetRight,
        Self::NestedSetParent,
        Self::EventName,
        Self::EventTimeSinceStart,
        Self::LinkTraceId,
        Self::LinkSpanId,
        Self::InstrumentationName,
        Self::InstrumentationVersion,
        Self::Parent,
    ];

    /// The canonical name: key of labels and of output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Duration => "duration",
            Self::Name => "name",
            Self::Status => "status",
            Self::StatusMessage => "statusMessage",
            Self::Kind => "kind",
            Self::SpanId => "span:id",
            Self::ParentId => "span:parentID",
            Self::ChildCount => "span:childCount",
            Self::TraceDuration => "traceDuration",
            Self::RootName => "rootName",
            Self::RootServiceName => "rootServiceName",
            Self::TraceId => "trace:id",
            Self::NestedSetLeft => "nestedSetLeft",
            Self::NestedSetRight => "nestedSetRight",
            Self::NestedSetParent => "nestedSetParent",
            Self::EventName => "event:name",
            Self::EventTimeSinceStart => "event:timeSinceStart",
            Self::LinkTraceId => "link:traceID",
            Self::LinkSpanId => "link:spanID",
            Self::InstrumentationName => "instrumentation:name",
            Self::InstrumentationVersion => "instrumentation:version",
            Self::Parent => "parent",
        }
    }

    /// The other spelling, with a scope and a colon, where there is one.
    pub fn scoped_str(self) -> Option<&'static str> {
        Some(match self {
            Self::Duration => "span:duration",
            Self::Name => "span:name",
            Self::Status => "span:status",
            Self::StatusMessage => "span:statusMessage",
            Self::Kind => "span:kind",
            Self::TraceDuration => "trace:duration",
            Self::RootName => "trace:rootName",
            Self::RootServiceName => "trace:rootService",
            _ => return None,
        })
    }

    /// The intrinsic of either spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let is_spelling = |known: &Self| known.as_str() == text || known.scoped_str() == Some(text);
        Self::ALL.into_iter().find(is_spelling)
    }
}

impl Attribute {
    /// An attribute by name.
    pub fn named(scope: AttributeScope, name: &str) -> Self {
        Self::Named { scope, name: name.to_owned() }
    }

    /// `resource.service.name`, which is never nil.
    pub fn is_service_name(&self) -> bool {
        matches!(self, Self::Named { scope: AttributeScope::Resource, name }
            if name == SERVICE_NAME)
    }

    /// Whether it reads from one event of the span.
    pub fn is_of_event(&self) -> bool {
        matches!(
            self,
            Self::Intrinsic(Intrinsic::EventName | Intrinsic::EventTimeSinceStart)
                | Self::Named { scope: AttributeScope::Event, .. }
        )
    }

    /// Whether it reads from one link of the span.
    pub fn is_of_link(&self) -> bool {
        matches!(
            self,
            Self::Intrinsic(Intrinsic::LinkTraceId | Intrinsic::LinkSpanId)
                | Self::Named { scope: AttributeScope::Link, .. }
        )
    }
}
