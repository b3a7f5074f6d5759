package hudson.model;

public final class Result {
    public static final Result SUCCESS = new Result("SUCCESS");
    public static final Result FAILURE = new Result("FAILURE");

    private final String name;

    private Result(String name) {
        this.name = name;
    }

    @Override
    public String toString() {
        return name;
    }
}
