package hudson.security;

public class FullControlOnceLoggedInAuthorizationStrategy extends AuthorizationStrategy {
    private boolean allowAnonymousRead = true;

    public boolean isAllowAnonymousRead() {
        return allowAnonymousRead;
    }

    public void setAllowAnonymousRead(boolean allowAnonymousRead) {
        this.allowAnonymousRead = allowAnonymousRead;
    }
}
