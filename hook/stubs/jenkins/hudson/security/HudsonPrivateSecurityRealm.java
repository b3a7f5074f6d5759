package hudson.security;

import hudson.model.User;
import hudson.security.captcha.CaptchaSupport;
import java.io.IOException;

public class HudsonPrivateSecurityRealm extends SecurityRealm {
    private final boolean allowsSignup;

    public HudsonPrivateSecurityRealm(boolean allowsSignup, boolean enableCaptcha, CaptchaSupport captchaSupport) {
        this.allowsSignup = allowsSignup;
    }

    public boolean allowsSignup() {
        return allowsSignup;
    }

    public User createAccount(String userName, String password) throws IOException {
        User user = User.get(userName);
        user.addProperty(new Details(password));
        return user;
    }

    public static final class Details {
        private final String password;

        private Details(String password) {
            if (password == null) throw new NullPointerException("password");
            this.password = password;
        }

        public boolean isPasswordCorrect(String candidate) {
            return password.equals(candidate);
        }
    }
}
