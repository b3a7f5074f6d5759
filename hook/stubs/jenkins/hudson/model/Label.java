package hudson.model;

/** A label expression as a text; only words joined by {@code &&} are understood here. */
public class Label {
    private final String expression;

    public Label(String expression) {
        this.expression = expression;
    }

    public final String getName() {
        return expression;
    }

    public String getExpression() {
        return expression;
    }

    boolean matches(Node node) {
        for (String word : expression.split("&&"))
            if (!word.equals(node.getNodeName()) && !(" " + node.getLabelString() + " ").contains(" " + word + " ")) return false;
        return true;
    }
}
