package hudson.security.csrf;

public class DefaultCrumbIssuer extends CrumbIssuer {
    private final boolean excludeClientIPFromCrumb;

    public DefaultCrumbIssuer(boolean excludeClientIPFromCrumb) {
        this.excludeClientIPFromCrumb = excludeClientIPFromCrumb;
    }

    public boolean isExcludeClientIPFromCrumb() {
        return excludeClientIPFromCrumb;
    }
}
